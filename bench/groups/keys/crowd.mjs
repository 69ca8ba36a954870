import { Child } from '../../support/children.mjs';
import { mchidOf } from '../../support/roster.mjs';
import { atMost } from '../../support/targets.mjs';

/** Merchants that are there before the others are counted: caches and connections are warm then. */
const WARM = 64;
const FILL_WITHIN_MS = 240_000;
/** What strangers can make a process download; forging them takes less than a minute. */
const DOWNLOADS_A_MINUTE = 60;

/** Very many merchants in one process. */
export async function crowd({ roster, settings, progress }) {
  const { merchants, forgeries, lookupBatches, concurrency } = settings;
  progress(`keys: ${merchants} merchants in one process`);
  const platform = await Child.start('workers/keys/platform.mjs', 'the platform');
  const process = await Child.start('workers/keys/crowd.mjs', 'the crowd', ['--expose-gc']);
  try {
    const { url: baseUrl } = await platform.ask('start', { roster });
    const { url } = await process.ask('start', { roster, baseUrl });
    const filled = await process.ask('fill', { count: merchants, warm: WARM }, FILL_WITHIN_MS);
    const lookups = await process.ask('lookups', { count: merchants, batches: lookupBatches });
    const { timers } = await process.ask('timers');
    await platform.ask('takeStats');
    const forge = async (mchids) => {
      const strangers = { url, mchids, count: forgeries, concurrency };
      const { accepted } = await platform.ask('forge', strangers, FILL_WITHIN_MS);
      if (accepted > 0) throw new Error(`${accepted} forged notifications were not refused`);
      return (await platform.ask('takeStats')).downloads;
    };
    const forOne = await forge([mchidOf(0)]);
    const forAll = await forge(Array.from({ length: merchants }, (_, n) => mchidOf(n)));
    await process.ask('stop').catch(() => undefined);
    return summary({ settings, filled, lookups, timers, forOne, forAll });
  } finally {
    await Promise.all([process.stop(), platform.stop()]);
  }
}

function summary({ settings, filled, lookups, timers, forOne, forAll }) {
  const { merchants, forgeries } = settings;
  const part = `keys: ${merchants} merchants in one process`;
  const { kilobytes, residentKilobytes } = filled;
  return {
    rows: [
      { part, name: 'resolved, loaded and used once', kilobytes, residentKilobytes },
      { part, name: 'merchants.find(), in no order', ...lookups },
      { part, name: 'at rest', timers },
      { part, name: `${forgeries} forged serials for one of them`, downloads: forOne },
      { part, name: `${forgeries} forged serials for all of them`, downloads: forAll },
    ],
    targets: [
      atMost('KB for each merchant that is loaded and used', kilobytes, 25),
      atMost('merchants.find(), µs', lookups.micros, 0.2),
      atMost('timers for all merchants', timers, 1),
      atMost(`downloads because of ${forgeries} forged serials`, forOne, 1),
      atMost('… for all merchants, in a minute', forAll, DOWNLOADS_A_MINUTE),
    ],
  };
}
