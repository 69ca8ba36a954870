/**
 * `npm run demo`: the emulator and the shop of sample/01-quick-start, ready to click.
 *
 *   SHOP_PORT, EMULATOR_PORT    3000 and 8100 by default; 0 takes a free one
 *
 * Installs and builds what is missing, then prints one JSON line
 * `{"ready":true,"shop":"http://127.0.0.1:…","emulator":"http://127.0.0.1:…"}` and what to click.
 * All other output goes to stderr. Ctrl-C or SIGTERM ends everything.
 */
import { join } from 'node:path';
import { bind, checkFree, checkNode, port, portError } from './demo/checks.mjs';
import { host, root, sample } from './demo/places.mjs';
import { build, install } from './demo/prepare.mjs';
import {
  crash,
  DemoError,
  endWithNpm,
  isStopping,
  say,
  serve,
  servers,
  stop,
} from './demo/processes.mjs';

const patience = { startMs: 60_000, pollMs: 100, answerMs: 2000 };

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(0));
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
endWithNpm();

try {
  await main();
} catch (error) {
  if (!isStopping()) {
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
    ...servers().map((child) => child.ended.then((ending) => Promise.reject(crash(child, ending)))),
  ]);
  if (isStopping()) return;
  for (const child of servers()) child.speaks = true;
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
