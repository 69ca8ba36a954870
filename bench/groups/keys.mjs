import { chosenParts } from '../support/parts.mjs';
import { makeRoster } from '../support/roster.mjs';
import { crowd } from './keys/crowd.mjs';
import { fleets } from './keys/fleets.mjs';
import { loading } from './keys/loading.mjs';
import { rotation } from './keys/rotation.mjs';

const SETTINGS = {
  full: {
    concurrency: 64,
    lanes: 8,
    rotations: 1_000,
    rotationRounds: 10,
    graceMs: 2_000,
    warmUpMs: 5_000,
    roundMs: 2_500,
    freshProcesses: 9,
    loads: 500,
    cachedBatches: 1_000,
    publications: 1_000,
    processes: 8,
    reachRounds: 12,
    periodRounds: 3,
    outageMs: 60_000,
    merchants: 10_000,
    forgeries: 10_000,
    lookupBatches: 1_000,
  },
  quick: {
    concurrency: 64,
    lanes: 8,
    rotations: 20,
    rotationRounds: 2,
    graceMs: 2_000,
    warmUpMs: 1_000,
    roundMs: 1_000,
    freshProcesses: 2,
    loads: 50,
    cachedBatches: 200,
    publications: 200,
    processes: 4,
    reachRounds: 3,
    periodRounds: 1,
    outageMs: 3_000,
    merchants: 500,
    forgeries: 500,
    lookupBatches: 300,
  },
};

const PARTS = { rotation, loading, fleets, crowd };

/** Keys and certificates for life: rotations, loading, a fleet on one store, many merchants. */
export async function run({ quick, progress }) {
  const chosen = chosenParts(PARTS);
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const roster = await makeRoster();
  const start = (part) => part({ roster, settings, progress });
  const results = [];
  if (quick) {
    // Half of it is waiting, and nobody looks at the figures.
    results.push(...(await Promise.all(chosen.map(start))));
  } else for (const part of chosen) results.push(await start(part));
  return {
    rows: results.flatMap(({ rows }) => rows),
    targets: results.flatMap(({ targets }) => targets),
  };
}
