import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../support/children.mjs';
import { mchidOf } from '../../support/roster.mjs';
import { median, medians, ratio } from '../../support/stats.mjs';
import { atLeast, atMost } from '../../support/targets.mjs';

/** So many rotations of the platform for one of the merchant. */
const PLATFORM_PER_MERCHANT = 10;

/** How far apart they begin while the calls' latency is measured. */
const PACE_MS = 500;

/** Rotations under full load, in rounds that alternate with rounds without any. */
export async function rotation({ roster, settings, progress }) {
  const { concurrency, lanes, rotations, rotationRounds, roundMs, graceMs, warmUpMs } = settings;
  const mchid = mchidOf(0);
  const platform = await Child.start('workers/keys/platform.mjs', 'the platform');
  const shop = await Child.start('workers/keys/shop.mjs', 'the shop');
  const counts = { platform: 0, merchant: 0, ms: [] };

  /** The certificates are listed, the application renews, and only then the platform signs anew. */
  const rotatePlatform = async () => {
    const begun = performance.now();
    const { serialNo } = await platform.ask('announce', { mchid });
    const held = await shop.ask('renew');
    if (!held.includes(serialNo)) throw new Error('a renewal did not bring the new certificate');
    await platform.ask('turn');
    counts.ms.push(performance.now() - begun);
    counts.platform++;
  };
  /** Accepted by the platform, then in use, and only then encrypted for. */
  const rotateMerchant = async () => {
    const { generation } = await platform.ask('admit', { mchid });
    await shop.ask('rotate', { generation });
    await platform.ask('encryptWithNew', { mchid });
    counts.merchant++;
  };

  try {
    const { url: baseUrl } = await platform.ask('start', { roster, rotations });
    const { url } = await shop.ask('start', { roster, mchid, baseUrl, graceMs });
    await shop.ask('beginCalls', { concurrency });
    await platform.ask('beginStream', { url, mchid, lanes });
    await sleep(warmUpMs);
    const rounds = { warm: [await shop.ask('mark')], without: [], during: [], backToBack: [] };
    const measure = async (kind, work) => {
      await work();
      rounds[kind].push(await shop.ask('mark'));
    };
    const rotate = async () => {
      await rotatePlatform();
      if (counts.platform % PLATFORM_PER_MERCHANT === 0) await rotateMerchant();
    };
    const without = () => sleep(roundMs);
    const during = async () => {
      const end = performance.now() + roundMs;
      for (let due = performance.now(); due < end; due += PACE_MS) {
        await sleep(Math.max(0, due - performance.now()));
        await rotate();
      }
      await sleep(Math.max(0, end - performance.now()));
    };
    for (let round = 0; round < rotationRounds; round++) {
      progress(`keys: rotation, round ${round + 1} of ${rotationRounds}`);
      if (round % 2 === 1) await measure('without', without);
      await measure('during', during);
      if (round % 2 === 0) await measure('without', without);
    }
    progress(`keys: ${rotations} rotations`);
    await measure('backToBack', async () => {
      while (counts.platform < rotations - 1) await rotate();
    });
    // Once nobody renews in time: the application meets a serial number that it does not know.
    await measure('backToBack', async () => {
      await platform.ask('announce', { mchid });
      await platform.ask('turn');
      counts.platform++;
      while (counts.merchant < rotations / PLATFORM_PER_MERCHANT) await rotateMerchant();
      await sleep(roundMs);
    });
    const stream = await platform.ask('endStream');
    const { handled } = await shop.ask('endCalls');
    const stats = await platform.ask('takeStats');
    await shop.ask('stop').catch(() => undefined);
    return summary({ rounds, counts, stream, handled, stats, settings });
  } finally {
    await Promise.all([shop.stop(), platform.stop()]);
  }
}

function summary({ rounds, counts, stream, handled, stats, settings }) {
  const all = Object.values(rounds).flat();
  const sum = (figure) => all.reduce((total, one) => total + one[figure], 0);
  const failure = all.find(({ firstFailure }) => firstFailure)?.firstFailure;
  if (failure) console.error(`keys: the first call that failed: ${failure}`);
  if (stream.firstRefusal) {
    console.error(`keys: the first notification that was refused: ${stream.firstRefusal}`);
  }
  const { malformed, unsigned, sampled } = stats;
  if (malformed + unsigned > 0 || sampled === 0) {
    throw new Error(
      `the platform saw ${malformed} malformed requests and ${unsigned} of ${sampled} wrongly signed`,
    );
  }
  if (handled !== stream.delivered - stream.refused) {
    throw new Error(`${stream.delivered} delivered, but ${handled} handled`);
  }
  const without = rounds.without.map(({ figures }) => figures);
  const during = rounds.during.map(({ figures }) => figures);
  const part = `keys: rotation under load, ${settings.concurrency} calls at a time`;
  const totals = 'keys: rotation under load, in all';
  return {
    rows: [
      { part, name: 'without', ...medians(without) },
      { part, name: 'two rotations a second', ...medians(during) },
      { part, name: 'rotations back to back', ...rounds.backToBack[0].figures },
      {
        part: 'keys: p99 of calls, two rotations a second, × without',
        name: 'median of the ratios of neighbours; ratio of the medians above',
        pairs: ratio(during, without, 'p99Ms'),
        medians: medians(during).p99Ms / medians(without).p99Ms,
      },
      {
        part: totals,
        name: `${counts.platform} of the platform, ${counts.merchant} of the merchant`,
        calls: sum('calls'),
        failed: sum('failed'),
        notifications: stream.delivered,
        refused: stream.refused,
        downloads: stats.downloads,
        rotationMs: median(counts.ms),
      },
    ],
    targets: [
      atLeast('rotations of the platform under load', counts.platform, settings.rotations),
      atLeast(
        'rotations of the merchant under load',
        counts.merchant,
        settings.rotations / PLATFORM_PER_MERCHANT,
      ),
      atMost('calls that failed during them', sum('failed'), 0),
      atMost('genuine notifications refused during them', stream.refused, 0),
      atMost(
        'p99 of calls during rotations, two a second, × without',
        ratio(during, without, 'p99Ms'),
        1.1,
      ),
    ],
  };
}
