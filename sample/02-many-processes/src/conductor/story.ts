import type { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import type { MerchantFiles } from './merchant-files.js';
import { short, text, type Screen } from './screen.js';
import type { ShopProcess } from './shop-process.js';
import type { StoreServer } from './store-server.js';
import type { Tally } from './tally.js';
import { pause, until } from './time.js';

/** Everything that a story moves. */
export interface Stage {
  readonly seconds: number;
  readonly emulator: WechatPayEmulator;
  readonly shops: readonly ShopProcess[];
  readonly store: StoreServer;
  readonly files: MerchantFiles;
  readonly tally: Tally;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

const roundSeconds = 30;
/**
 * A list's version is the time when it was signed, in seconds: two rotations in one second are one too
 * many. The platform takes years between two.
 */
const betweenListsMs = 1100;
const reachesAllWithinMs = 5000;
/** A store's deadline is two seconds. */
const lossIsSeenWithinMs = 5000;
/** A lost store is looked for every few seconds. */
const storeBackWithinMs = 15_000;

/** What happens to the fleet under load, chapter by chapter; long runs repeat it. */
export async function tell(stage: Stage): Promise<void> {
  const { seconds, shops, signal } = stage;
  const started = performance.now();
  const rounds = Math.max(1, Math.round(seconds / roundSeconds));
  const at = (share: number): Promise<void> =>
    pause(started + share * seconds * 1000 - performance.now(), signal);
  for (let round = 0; round < rounds; round += 1) {
    const chapter = (share: number): Promise<void> => at((round + share) / rounds);
    await chapter(0.05);
    await rotatePlatform(stage);
    await chapter(0.17);
    await rotateMerchant(stage);
    await chapter(0.28);
    const victim = shops[(round + 1) % shops.length];
    if (victim) await killAndRestart(stage, victim);
    await chapter(0.5);
    await loseStore(stage);
    await chapter(0.8);
    await rotatePlatform(stage);
    await chapter(0.9);
    await rotateMerchant(stage);
  }
  await at(1);
}

/**
 * The platform's own certificate: listed, then used, then alone on the list.
 *
 * @param isStoreAway every shop renews for itself then
 */
async function rotatePlatform(stage: Stage, isStoreAway = false): Promise<void> {
  const { emulator, store, tally, screen, seconds, signal } = stage;
  const who = text('platform', '平台');
  await pause(betweenListsMs, signal);
  const old = emulator.keys.signing;
  const added = (await emulator.rotate('add')).certificates.at(-1) ?? '';
  const living = stage.shops.filter(({ isUp }) => isUp);
  const renewer = living[tally.platformRotations % living.length];
  for (const shop of isStoreAway ? living : [renewer]) shop?.renew();
  const took = await reach(living, added, signal);
  const [how, howChinese] = isStoreAway
    ? ['each downloads for itself', '各自下载']
    : [
        `${renewer?.name} downloads, ${store.name} tells the others`,
        `${renewer?.name} 下载，${store.name} 通知其他商店`,
      ];
  screen.line(
    who,
    `new certificate ${short(added)} in every shop ${after(took)}: ${how}`,
    `新证书 ${short(added)} 在 ${after(took)}到达各商店：${howChinese}`,
  );
  if (took === undefined) tally.note('a platform certificate did not reach every shop');
  await pause(Math.min(2000, seconds * 40), signal);
  await emulator.rotate('activate');
  screen.line(who, `signs with ${short(added)} from now on`, `开始用 ${short(added)} 签名`);
  await pause(Math.min(1000, seconds * 20), signal);
  await emulator.rotate('remove');
  tally.platformRotations += 1;
  screen.line(who, `no longer lists ${short(old)}`, `不再列出 ${short(old)}`);
}

/** Our own key and certificate: two new files, and the old certificate is revoked after them. */
async function rotateMerchant({ emulator, files, shops, ...stage }: Stage): Promise<void> {
  const { tally, screen, seconds, signal } = stage;
  const who = text('merchant', '商户');
  const [old] = emulator.merchantCertificates();
  const pair = await emulator.addMerchantCertificate();
  await files.replace(pair);
  const living = shops.filter(({ isUp }) => isUp);
  const took = await reach(living, pair.serial, signal);
  screen.line(
    who,
    `new key and certificate ${short(pair.serial)} in every shop ${after(took)}: files replaced`,
    `新私钥与证书 ${short(pair.serial)} 在 ${after(took)}于各商店生效：替换了文件`,
  );
  if (took === undefined) return tally.note('a merchant certificate did not reach every shop');
  await pause(Math.min(1000, seconds * 20), signal);
  const revoked = old?.serial ?? '';
  emulator.removeMerchantCertificate(revoked);
  tally.merchantRotations += 1;
  screen.line(who, `certificate ${short(revoked)} is revoked`, `旧证书 ${short(revoked)} 已作废`);
}

/** SIGKILL; while the shop is away, everything rotates. */
async function killAndRestart(stage: Stage, shop: ShopProcess): Promise<void> {
  const { screen, tally, signal, store } = stage;
  await shop.kill();
  screen.line(shop.name, 'killed with SIGKILL, in the middle of its work', '被 SIGKILL 杀死');
  await rotatePlatform(stage);
  await rotateMerchant(stage);
  const before = tally.downloads;
  const started = performance.now();
  await shop.start(signal);
  const took = after(performance.now() - started);
  const count = tally.downloads - before;
  screen.line(
    shop.name,
    `up again ${took} with the new keys, from ${store.name} (downloads: ${count})`,
    `${took}重新就绪，新证书来自 ${store.name}（下载 ${count} 次）`,
  );
}

/** The store is away, and the platform rotates all the same. */
async function loseStore(stage: Stage): Promise<void> {
  const { store, shops, screen, tally, signal } = stage;
  await store.stop();
  screen.line(store.name, 'stopped: the shops go on from memory', '停止：各商店靠内存继续');
  await rotatePlatform(stage, true);
  await until(() => shops.every(({ hasLostStore }) => hasLostStore), lossIsSeenWithinMs, signal);
  await store.start();
  const back = await until(
    () => !shops.some(({ hasLostStore }) => hasLostStore),
    storeBackWithinMs,
    signal,
  );
  if (back === undefined) tally.note('a shop did not find the store again');
  screen.line(
    store.name,
    `started again; every shop uses it ${after(back)}`,
    `重新启动，各商店在 ${after(back)}恢复使用`,
  );
}

function reach(
  shops: readonly ShopProcess[],
  serial: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const hasIt = (): boolean => shops.every(({ serials }) => serials.has(serial));
  return until(hasIt, reachesAllWithinMs, signal);
}

function after(tookMs: number | undefined): string {
  if (tookMs === undefined) return text('too late', '超时仍未');
  const seconds = (tookMs / 1000).toFixed(tookMs < 1000 ? 2 : 1);
  return text(`after ${seconds} s`, `${seconds} 秒后`);
}
