import { inbound } from './call/inbound.mjs';
import { importTime } from './call/import-time.mjs';
import { outbound } from './call/outbound.mjs';

const SETTINGS = {
  full: {
    rounds: 7,
    warmUpMs: 1_000,
    callsMs: 2_000,
    notificationsMs: 1_500,
    concurrency: 64,
    imports: 15,
  },
  quick: {
    rounds: 1,
    warmUpMs: 300,
    callsMs: 700,
    notificationsMs: 500,
    concurrency: 64,
    imports: 3,
  },
};

/** One signed call, one verified notification, one import: what every user pays. */
export async function run({ quick, parties, progress }) {
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const rows = [];
  const targets = [];
  for (const part of [outbound, inbound, importTime]) {
    const result = await part({ parties, settings, progress });
    rows.push(...result.rows);
    targets.push(...result.targets);
  }
  return { rows, targets };
}
