import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { Balancer } from './balancer.js';
import { Guarded } from './guarded.js';
import { Load, ordersPerSecond } from './load.js';
import { MerchantFiles } from './merchant-files.js';
import { Screen, text } from './screen.js';
import { readSettings, storeNames, UserError, type Settings } from './settings.js';
import { ShopProcess } from './shop-process.js';
import { openStoreServer, type StoreServer } from './store-server.js';
import { tell } from './story.js';
import { Tally } from './tally.js';
import { until } from './time.js';

const names = ['shop 1', 'shop 2', 'shop 3'];
const drainsWithinMs = 10_000;
const endsWithinMs = 1700;
/** The platform repeats a notification after 15 s, 15 s, 30 s, …; here after a fiftieth of that. */
const scale = 0.02;

class Interrupted extends Error {}

/**
 * The whole demonstration, from the first process to the last.
 *
 * @returns the exit code: 1 when a call failed or a notification was refused or lost
 */
export async function run(env: NodeJS.ProcessEnv): Promise<number> {
  const controller = new AbortController();
  const ending: (() => unknown)[] = [];
  const interrupt = (): void => {
    setTimeout(() => process.exit(0), endsWithinMs).unref();
    controller.abort(new Interrupted());
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  try {
    return await perform(readSettings(env), controller, (end) => ending.push(end));
  } catch (error) {
    const reason: unknown = controller.signal.aborted ? controller.signal.reason : error;
    if (reason instanceof Interrupted) {
      process.stderr.write(`\n  ${text('Ended early.', '已提前结束。')}\n`);
      return 0;
    }
    const words = reason instanceof UserError ? reason.message : (reason as Error).stack;
    process.stderr.write(`\n  ${words}\n`);
    return 1;
  } finally {
    controller.abort(new Interrupted());
    // The server and the folder go last: a shop may still write to them.
    const [guard, ...rest] = ending;
    await Promise.allSettled(rest.map((end) => end()));
    await guard?.();
  }
}

async function perform(
  settings: Settings,
  controller: AbortController,
  later: (end: () => unknown) => void,
): Promise<number> {
  const { signal } = controller;
  const { seconds, kind, isMakeshift } = settings;
  const tally = new Tally();
  const screen = new Screen(tally);
  screen.title(
    text(
      `Three shops on one ${storeNames[kind]}, ${ordersPerSecond} orders a second, ${seconds} s`,
      `三个商店共用一个 ${storeNames[kind]}，每秒 ${ordersPerSecond} 单，${seconds} 秒`,
    ),
    ...(isMakeshift
      ? [text('redis-server and etcd are not installed.', '没有安装 redis-server 或 etcd。')]
      : []),
    text('Ctrl-C ends it.', '按 Ctrl-C 结束。'),
  );

  const folder = await mkdtemp(join(tmpdir(), 'wechatpay-fleet-'));
  const guarded = new Guarded(folder);
  later(() => guarded.end());
  const emulator = await WechatPayEmulator.start({ mode: 'certificates', scale });
  later(() => emulator.close());
  later(countDownloads(tally));
  const store = await openStoreServer(settings, folder, guarded, signal);
  const { privateKey, certificate } = emulator.options().credential;
  const files = await MerchantFiles.create(
    join(folder, 'keys'),
    { privateKey, certificate },
    emulator.apiV3Key,
  );

  const shops: ShopProcess[] = [];
  const balancer = await Balancer.start(shops, tally);
  later(() => balancer.close());
  const shopEnv = environment(emulator, store, files, balancer);
  for (const name of names) {
    const shop = new ShopProcess(name, shopEnv, tally, (error) => controller.abort(error));
    shops.push(shop);
    later(() => shop.stop());
  }
  await Promise.all(shops.map((shop) => shop.start(signal)));

  const load = new Load(balancer.url, emulator, tally);
  later(() => load.stop());
  screen.begin();
  screen.line(text('platform', '平台'), `${emulator.url}/emulator/`, `${emulator.url}/emulator/`);
  screen.line(
    text('shops', '商店'),
    `all three are up, after ${tally.downloads} download of the certificates`,
    `三个都已就绪，共下载平台证书 ${tally.downloads} 次`,
  );
  load.start();
  await tell({ seconds, emulator, shops, store, files, tally, screen, signal });
  await load.stop();
  await until(() => tally.lost === 0, drainsWithinMs, signal);
  screen.line(text('shops', '商店'), 'the last order is paid', '最后一单已支付');
  screen.table(store, tally);
  process.stdout.write(`${JSON.stringify(tally.result())}\n`);
  return tally.isGood ? 0 : 1;
}

function environment(
  { mchid, appid, url }: WechatPayEmulator,
  store: StoreServer,
  files: MerchantFiles,
  balancer: Balancer,
): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'development', // in production, keys of the emulator are refused
    STORE_URL: store.url,
    KEY_FOLDER: files.folder,
    MCHID: mchid,
    APPID: appid,
    BASE_URL: url,
    NOTIFY_URL: `${balancer.url}/wechatpay/notify`,
  };
}

/** At the platform, which runs in this process. */
function countDownloads(tally: Tally): () => void {
  const channel = 'http.server.request.start';
  const count = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage };
    if (request.url === '/v3/certificates') tally.downloads += 1;
  };
  subscribe(channel, count);
  return () => unsubscribe(channel, count);
}
