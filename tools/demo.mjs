/**
 * `npm run demo`: the emulator and the shop of sample/01-quick-start, ready to click.
 *
 *   SHOP_PORT, EMULATOR_PORT    3000 and 8100 by default; 0 takes a free one
 *
 * Installs and builds what is missing, then prints one JSON line
 * `{"ready":true,"shop":"http://127.0.0.1:…","emulator":"http://127.0.0.1:…"}` and what to click.
 * All other output goes to stderr. Ctrl-C or SIGTERM ends everything.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const sample = join(root, 'sample', '01-quick-start');
const host = '127.0.0.1';
const patience = { startMs: 60_000, stopMs: 1200, lastMs: 1700, pollMs: 100, answerMs: 2000 };
const keptLines = 60;

/** A child ends with this process, however this one ends: the channel between them closes. */
const leash = `process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000).unref();
});
process.channel?.unref();`;
const leashFlag = `--import=data:text/javascript,${encodeURIComponent(leash)}`;

/** What must be said to the user, and nothing more: no stack trace. */
class DemoError extends Error {}

const running = new Set();
let stopping = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0));
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
endWithNpm();

try {
  await main();
} catch (error) {
  if (!stopping) {
    say(error instanceof DemoError ? `demo: ${error.message}` : error.stack);
    await stop(1);
  }
}

async function main() {
  checkNode();
  const ports = { shop: port('SHOP_PORT', 3000), emulator: port('EMULATOR_PORT', 8100) };
  if (ports.shop !== 0 && ports.shop === ports.emulator) {
    throw new DemoError(`SHOP_PORT 与 EMULATOR_PORT 相同；both are ${ports.shop}, choose two.`);
  }
  await checkFree('SHOP_PORT', ports.shop);
  await checkFree('EMULATOR_PORT', ports.emulator);
  await install();
  await build();

  const emulator = await startEmulator(ports.emulator);
  const shop = await startShop(ports.shop, emulator);
  await Promise.race([
    Promise.all([answers(`${shop}/health`), answers(`${emulator.url}/emulator/`)]),
    ...[...running].map((child) =>
      child.ended.then((ending) => Promise.reject(crash(child, ending))),
    ),
  ]);
  if (stopping) return;
  for (const child of running) child.speaks = true;
  process.stdout.write(`${JSON.stringify({ ready: true, shop, emulator: emulator.url })}\n`);
  process.stdout.write(guide(shop, emulator.url));
}

function guide(shop, emulator) {
  return `
  商店 Shop          ${shop}
  模拟平台 Emulator  ${emulator}/emulator/

  1. 打开商店，选一件商品，点「购买」
     Open the shop, choose something, press Buy
  2. 点二维码或「打开付款页」，在付款页上确认
     Click the QR code or "Open the payer page", and confirm there
  3. 回到商店：收到验签通过的通知，页面已变为「已支付」
     Back in the shop: a verified notification has turned the page to "Paid"
  4. 点「申请退款」，页面变为「已退款」
     Press "Refund this order", and it turns to "Refunded"

  这里没有真实的钱。按 Ctrl-C 结束。
  No real money moves here. Press Ctrl-C to stop.

`;
}

// What the demo needs

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  throw new DemoError(
    `需要 Node 20.19、22.12 或 24 以上；needs Node ^20.19, ^22.12 or >=24, this is ${process.version}.`,
  );
}

function port(name, fallback) {
  const text = (process.env[name] ?? '').trim();
  if (text === '') return fallback;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new DemoError(
    `${name} 应为 0 到 65535 的整数；${name} must be a port from 0 to 65535, not "${text}".`,
  );
}

/** Binds the port for a moment: 0 gives a free one. */
function bind(number) {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(number, host, () => {
      const { port: bound } = server.address();
      server.close(() => done(bound));
    });
  });
}

async function checkFree(name, number) {
  try {
    await bind(number);
  } catch (error) {
    throw portError(name, number, error.code);
  }
}

function portError(name, number, code) {
  const reason =
    code === 'EADDRINUSE'
      ? `端口 ${number} 已被占用；port ${number} is in use.`
      : `端口 ${number} 不可用；port ${number} cannot be used (${code}).`;
  return new DemoError(
    `${reason}\n      请用 ${name} 换一个端口；set ${name} to another port, or to 0 for a free one:` +
      `\n      ${name}=0 npm run demo`,
  );
}

async function install() {
  if (isInstalled()) return;
  say('demo: 正在安装依赖… installing dependencies…');
  const args = ['install', '--include=dev', '--no-save', '--no-audit', '--no-fund'];
  const cli = process.env.npm_execpath ?? '';
  const ending = /npm-cli\.c?js$/.test(cli)
    ? await run(process.execPath, [cli, ...args])
    : await run('npm', args, process.platform === 'win32');
  if (ending !== 'code 0') {
    throw new DemoError(`安装依赖失败；npm install ended with ${ending}, see above.`);
  }
}

/** Whether everything that the lock file asks for is there. */
function isInstalled() {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const found = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, link, optional }]) => {
    if (!path.includes('node_modules/') || optional === true) return true;
    if (!existsSync(join(root, path, 'package.json'))) return false;
    return link === true || found[path]?.version === version;
  });
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Builds the packages and the sample, each when a source is newer than what was built of it. */
async function build() {
  const library = [
    join(root, 'dist', 'esm', 'index.js'),
    join(root, 'emulator', 'dist', 'esm', 'cli.js'),
  ];
  const sources = ['lib', 'package.json', 'tsconfig.json', 'emulator/lib', 'emulator/package.json'];
  if (
    isOlder(
      library,
      sources.map((path) => join(root, path)),
    )
  ) {
    await compile('两个包 the packages', [join(root, 'tools', 'build.mjs')]);
  }
  const shop = ['src', 'package.json', 'tsconfig.json'].map((path) => join(sample, path));
  if (isOlder([join(sample, 'dist', 'main.js')], [...shop, ...library])) {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    await compile('商店 the shop', [tsc, '-p', sample]);
  }
}

async function compile(what, args) {
  say(`demo: 正在构建 building: ${what}…`);
  const ending = await run(process.execPath, args);
  if (ending !== 'code 0')
    throw new DemoError(`构建失败；the build ended with ${ending}, see above.`);
}

function isOlder(outputs, sources) {
  const built = outputs.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(...sources.map(newest)) > Math.min(...built);
}

/** The latest change in a file or a folder; a folder's own time tells what was deleted. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

// The two servers

async function startEmulator(number) {
  const cli = join(root, 'emulator', 'dist', 'esm', 'cli.js');
  const child = serve('emulator', [cli, '--port', String(number), '--json'], {});
  const line = await Promise.race([
    new Promise((done) => child.lines.once('line', done)),
    child.ended.then((ending) => {
      if (child.said().includes('EADDRINUSE'))
        throw portError('EMULATOR_PORT', number, 'EADDRINUSE');
      throw crash(child, ending);
    }),
    timeout('模拟平台 the emulator'),
  ]);
  try {
    return JSON.parse(line);
  } catch {
    throw new DemoError(`the emulator said something else than its addresses: ${line}`);
  }
}

/** The notify URL needs the port before the shop starts: a free one is looked for here. */
async function startShop(chosen, emulator) {
  for (let tries = 3; ; tries -= 1) {
    const number = chosen === 0 ? await bind(0) : chosen;
    const url = `http://${host}:${number}`;
    const child = serve('shop', [join(sample, 'dist', 'main.js')], {
      PORT: String(number),
      EMULATOR_URL: emulator.url,
      WECHATPAY_BASE_URL: emulator.url,
      WECHATPAY_NOTIFY_URL: `${url}/wechatpay/notify`,
      WECHATPAY_MCHID: emulator.mchid,
      WECHATPAY_APPID: emulator.appid,
      WECHATPAY_API_V3_KEY: emulator.apiV3Key,
      WECHATPAY_PRIVATE_KEY_FILE: emulator.merchantPrivateKeyPath,
      WECHATPAY_CERTIFICATE_FILE: emulator.merchantCertificatePath,
      WECHATPAY_PUBLIC_KEY_ID: emulator.publicKeyId,
      WECHATPAY_PUBLIC_KEY_FILE: emulator.publicKeyPath,
      WECHATPAY_PLATFORM_CERTIFICATES: 'on',
    });
    const ending = await Promise.race([
      answers(`${url}/products`),
      child.ended,
      timeout('商店 the shop'),
    ]);
    if (ending === true) return url;
    const isTaken = child.said().includes('EADDRINUSE');
    if (!isTaken) throw crash(child, ending);
    if (chosen !== 0 || tries === 1) throw portError('SHOP_PORT', number, 'EADDRINUSE');
  }
}

/** Starts a server of ours. Its output is kept until it `speaks`, and shown when it fails before. */
function serve(name, args, settings) {
  const env = { ...process.env, NODE_ENV: 'development', ...settings };
  if (!process.stderr.isTTY) env.NO_COLOR ??= '1';
  for (const key of Object.keys(process.env)) {
    if (key.startsWith('WECHATPAY_') && !(key in settings)) delete env[key];
  }
  const child = spawn(process.execPath, [leashFlag, ...args], {
    cwd: sample,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const kept = [];
  child.speaks = false;
  child.said = () => kept.join('\n');
  child.lines = createInterface({ input: child.stdout });
  for (const lines of [child.lines, createInterface({ input: child.stderr })]) {
    lines.on('line', (line) => {
      kept.push(line);
      if (kept.length > keptLines) kept.shift();
      if (child.speaks && !stopping) say(`[${name}] ${line}`);
    });
  }
  running.add(child);
  child.title = name;
  child.ended = new Promise((done) => {
    child.once('error', (error) => done(error.message));
    // 'close' comes after the last line was read.
    child.once('close', (code, signal) => done(signal ?? `code ${code}`));
  });
  void child.ended.then((ending) => {
    running.delete(child);
    // Ctrl-C reaches the children too, perhaps before it reaches us.
    if (child.speaks) setTimeout(() => void fall(child, ending), 100);
  });
  return child;
}

/** A server that was up is gone: so is the demo. */
async function fall(child, ending) {
  if (stopping) return;
  say(`demo: ${crash(child, ending).message}`);
  await stop(1);
}

function crash(child, ending) {
  const output = child.speaks ? '' : `\n${child.said()}`;
  return new DemoError(
    `${child.title} 意外退出；the ${child.title} ended with ${ending}.${output}`,
  );
}

/** Resolves to true once the address answers with a good status. */
async function answers(url) {
  for (const deadline = Date.now() + patience.startMs; ;) {
    const status = await fetch(url, { signal: AbortSignal.timeout(patience.answerMs) }).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      (error) => error.cause?.code ?? error.message,
    );
    if (status === 200) return true;
    if (Date.now() > deadline) throw new DemoError(`${url} 没有就绪；does not answer (${status}).`);
    await new Promise((done) => setTimeout(done, patience.pollMs));
  }
}

function timeout(what) {
  return new Promise((_done, fail) => {
    const error = new DemoError(`${what}: 没有在一分钟内就绪；not ready within a minute.`);
    setTimeout(() => fail(error), patience.startMs).unref();
  });
}

// Processes

/** Runs a program to its end in a group of its own. Resolves to 'code N' or a signal's name. */
function run(command, args, shell = false) {
  const detached = process.platform !== 'win32';
  // Its output goes where ours is not read by programs.
  const child = spawn(command, args, { cwd: root, shell, detached, stdio: ['ignore', 2, 2] });
  child.isGroup = detached;
  running.add(child);
  return new Promise((done) => {
    const finish = (ending) => {
      running.delete(child);
      if (!stopping) done(ending);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
  });
}

function kill(signal) {
  for (const child of running) {
    try {
      if (child.isGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Ends everything, then this process. A second call does not wait. */
async function stop(code) {
  if (stopping) {
    kill('SIGKILL');
    return;
  }
  stopping = true;
  setTimeout(() => kill('SIGKILL'), patience.stopMs);
  setTimeout(() => process.exit(code), patience.lastMs);
  kill('SIGTERM');
  while (running.size > 0) await new Promise((done) => setTimeout(done, 20));
  process.exit(code);
}

/** npm may be ended in a way that it cannot pass on; then nobody is left to press Ctrl-C. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== 'demo' || process.platform === 'win32') return;
  const parent = process.ppid;
  const npm = npmAbove(parent);
  setInterval(() => {
    if (process.ppid !== parent || (npm !== undefined && !isAlive(npm))) void stop(0);
  }, 250).unref();
}

/** npm starts its scripts through a shell, which may outlive it. */
function npmAbove(shell) {
  const look = (field, pid) => execFileSync('ps', ['-o', `${field}=`, '-p', pid], { stdio: 'pipe' });
  try {
    const pid = String(look('ppid', String(shell))).trim();
    return String(look('args', pid)).includes('npm') ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
