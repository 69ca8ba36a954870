import { Child } from '../../support/children.mjs';
import { median, quantile } from '../../support/stats.mjs';
import { atMost } from '../../support/targets.mjs';

/** What having a credential costs: read, parsed and checked, given as values, preloaded, cached. */
export async function loading({ roster, settings, progress }) {
  const { freshProcesses, loads, cachedBatches, publications } = settings;
  progress('keys: loading a credential');
  const firsts = [];
  for (let n = 0; n < freshProcesses; n++) {
    firsts.push(await inLoader(roster, async (loader) => (await loader.ask('first')).micros));
  }
  firsts.sort((a, b) => a - b);
  const measured = await inLoader(roster, async (loader) => ({
    cold: await loader.ask('cold', { count: loads }),
    values: await loader.ask('values', { count: loads }),
    preloaded: await loader.ask('preloaded', { count: Math.min(loads, 100) }),
    cached: await loader.ask('cached', { count: cachedBatches }),
    publish: await loader.ask('publish', { count: publications }),
  }));
  const { cold, values, preloaded, cached, publish } = measured;
  const part = 'keys: loading a credential';
  const publishing = 'keys: publishing a snapshot, 8 subscribers';
  return {
    rows: [
      {
        part,
        name: 'cold, first in its process: three files, parse, check',
        micros: median(firsts),
        slowMicros: quantile(firsts, 0.99),
      },
      { part, name: 'cold, later: three files, parse, check', ...cold },
      { part, name: 'given as values: parse, check', ...values },
      { part, name: 'preloaded, first get()', ...preloaded },
      { part, name: 'cached, await get()', ...cached.awaited },
      { part, name: 'cached, .credential', ...cached.read },
      { part: publishing, name: 'keys of the platform', ...publish.ring },
      { part: publishing, name: 'credential of the merchant', ...publish.credential },
    ],
    targets: [
      atMost('cached credential, await get(), µs', cached.awaited.micros, 1),
      atMost('publishing the keys of the platform, ms', publish.ring.micros / 1e3, 0.1),
      atMost('publishing a credential, ms', publish.credential.micros / 1e3, 0.1),
    ],
  };
}

async function inLoader(roster, work) {
  const loader = await Child.start('workers/keys/loader.mjs', 'the loader');
  try {
    await loader.ask('start', { roster });
    const result = await work(loader);
    await loader.ask('stop');
    return result;
  } finally {
    await loader.stop();
  }
}
