import { inbound } from './call/inbound.mjs';
import { importTime } from './call/import-time.mjs';
import { outbound } from './call/outbound.mjs';

const SETTINGS = {
  full: {
    sittings: 3,
    warmUpMs: 1_500,
    callRounds: 7,
    callsMs: 1_000,
    notificationRounds: 12,
    notificationsMs: 500,
    concurrency: 64,
    imports: 15,
  },
  quick: {
    sittings: 1,
    warmUpMs: 300,
    callRounds: 1,
    callsMs: 700,
    notificationRounds: 1,
    notificationsMs: 300,
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
