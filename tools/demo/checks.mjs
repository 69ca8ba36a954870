/** What can be told before anything is started. */
import { createServer } from 'node:net';
import { host } from './places.mjs';
import { DemoError } from './processes.mjs';

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  throw new DemoError(
    `需要 Node 20.19、22.12 或 24 以上；needs Node ^20.19, ^22.12 or >=24, this is ${process.version}.`,
  );
}

/** A port from the environment. */
export function port(name, fallback) {
  const text = (process.env[name] ?? '').trim();
  if (text === '') return fallback;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new DemoError(
    `${name} 应为 0 到 65535 的整数；${name} must be a port from 0 to 65535, not "${text}".`,
  );
}

/** Binds the port for a moment: 0 gives a free one. */
export function bind(number) {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(number, host, () => {
      const { port: bound } = server.address();
      server.close(() => done(bound));
    });
  });
}

export async function checkFree(name, number) {
  try {
    await bind(number);
  } catch (error) {
    throw portError(name, number, error.code);
  }
}

export function portError(name, number, code) {
  const reason =
    code === 'EADDRINUSE'
      ? `端口 ${number} 已被占用；port ${number} is in use.`
      : `端口 ${number} 不可用；port ${number} cannot be used (${code}).`;
  return new DemoError(
    `${reason}\n      请用 ${name} 换一个端口；set ${name} to another port, or to 0 for a free one:` +
      `\n      ${name}=0 npm run demo`,
  );
}
