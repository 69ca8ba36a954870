import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readMarkdown } from '../support/markdown.js';
import { freePorts } from '../support/ports.js';
import { until } from '../support/servers.js';
import { inherited, root, type Installed } from './install.js';

/** The one block of README.md of this language that has this text. */
function blockWith(language: string, text: string): string {
  const { blocks } = readMarkdown(root, 'README.md');
  const found = blocks.filter(({ info, code }) => info === language && code.includes(text));
  if (found.length !== 1) throw new Error(`README.md has ${found.length} blocks with ${text}`);
  return found[0]?.code ?? '';
}

/** The arguments of a `curl` command of the README. */
interface Curl {
  readonly url: string;
  readonly init: RequestInit;
}

function parseCurl(line: string): Curl {
  const { groups } =
    /^curl(?: -X (?<method>\w+))? (?<url>\S+)(?: -H '(?<header>[^']+)')?(?: -d '(?<body>[^']*)')?(?: #.*)?$/.exec(
      line,
    ) ?? {};
  if (!groups?.['url']) throw new Error(`not a command that this test understands: ${line}`);
  const { method = 'GET', url, header, body } = groups;
  const [name = '', value = ''] = header?.split(': ') ?? [];
  return {
    url,
    init: { method, ...(header && { headers: { [name]: value } }), ...(body && { body }) },
  };
}

/**
 * Does what "Quick start" of README.md says, in an application that has the packages installed: the
 * emulator's command, the `.env` with its values, `src/main.ts` compiled and started, the three commands
 * of "Pay". Only the ports are others. Everything that was started has ended when this resolves.
 *
 * @returns what the last command shows, and what the application has written to its log
 */
export async function followQuickStart(
  app: Installed,
): Promise<{ readonly order: unknown; readonly log: string }> {
  const running: ChildProcess[] = [];
  const folder = join(app.folder, 'quick-start');
  const [shop, emulator] = await freePorts();
  const here = (text: string): string =>
    text
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${shop}`)
      .replaceAll('127.0.0.1:8100', `127.0.0.1:${emulator}`);
  let log = '';
  const start = (command: string, args: readonly string[]): ChildProcess => {
    const child = spawn(command, args, { cwd: folder, env: inherited(), stdio: 'pipe' });
    running.push(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (log += String(chunk)));
    }
    return child;
  };
  try {
    const main = blockWith('ts', 'await app.listen(3000)').replace(
      'listen(3000)',
      `listen(${shop})`,
    );
    mkdirSync(join(folder, 'src'), { recursive: true });
    writeFileSync(join(folder, 'src', 'main.ts'), main);
    const project = join(app.folder, 'tsconfig.quick-start.json');
    const files = ['quick-start/src/main.ts'];
    writeFileSync(project, JSON.stringify({ extends: './tsconfig.json', files }));
    await app.tsc(['-p', project]);

    const bin = join(app.folder, 'node_modules', '.bin', 'nestjs-wechatpay-emulator');
    const keys = ['--keys-dir', join(app.folder, 'keys')];
    const [, ...args] = blockWith('sh', 'nestjs-wechatpay-emulator --port')
      .replace('8100', String(emulator))
      .split(/\s+(?=--|\d)/);
    const command = start(bin, [...args, ...keys]);
    const [line] = (await once(
      createInterface({ input: command.stdout ?? process.stdin }),
      'line',
    )) as [string];
    const values = JSON.parse(line) as Readonly<Record<string, string>>;
    const env = here(blockWith('ini', 'WECHATPAY_MCHID')).replace(/<(\w+)>/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`the emulator does not print ${name}`);
      return value;
    });
    writeFileSync(join(folder, '.env'), env);

    start(process.execPath, [join(app.folder, 'dist', 'quick-start', 'src', 'main.js')]);
    const answers = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${shop}/orders/none`).then(
        ({ status }) => status === 404,
        () => false,
      );
    await until(`the application answers: ${log}`, answers, 30_000);

    const [place = '', pay = '', look = ''] = here(blockWith('sh', 'curl -X POST')).split('\n');
    const call = async (text: string): Promise<unknown> => {
      const { url, init } = parseCurl(text);
      const answer = await fetch(url, init);
      if (!answer.ok)
        throw new Error(`${text} was answered ${answer.status}: ${await answer.text()}`);
      return answer.json();
    };
    const { outTradeNo } = (await call(place)) as { outTradeNo: string };
    const of = (text: string): string => text.replace('ORDER', outTradeNo);
    await call(of(pay));
    await until('the payment has arrived', () => log.includes(`${outTradeNo} is paid`));
    return { order: await call(of(look)), log };
  } finally {
    await Promise.all(running.map(end));
  }
}

/** As Ctrl-C; what does not end by it fails the test that waits. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended.finally(() => clearTimeout(timer));
}
