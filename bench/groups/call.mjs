import { inbound } from './call/inbound.mjs';
import { importTime } from './call/import-time.mjs';
import { layer } from './call/layer.mjs';
import { memory } from './call/memory.mjs';
import { outbound } from './call/outbound.mjs';
import { signing } from './call/signing.mjs';
import { chosenParts } from '../support/parts.mjs';

const SETTINGS = {
  full: {
    sittings: 3,
    warmUpMs: 1_500,
    // The compiler goes on for so long; slow contestants and machines get more time for it.
    warmCalls: 10_000,
    callRounds: 7,
    callsMs: 1_000,
    warmDeliveries: 15_000,
    notificationRounds: 12,
    notificationsMs: 500,
    concurrency: 64,
    imports: 15,
    layerCalls: 200_000,
    memory: { warm: 50_000, measured: 1_000_000 },
  },
  quick: {
    sittings: 1,
    warmUpMs: 300,
    warmCalls: 1,
    callRounds: 1,
    callsMs: 700,
    warmDeliveries: 1,
    notificationRounds: 1,
    notificationsMs: 300,
    concurrency: 64,
    imports: 3,
    layerCalls: 20_000,
    memory: { warm: 2_000, measured: 4_000 },
  },
};

/** The layer is held against what a call costs: it comes after `outbound`. */
const PARTS = { outbound, layer, signing, inbound, importTime, memory };

/** One signed call, one verified notification, one import: what every user pays. */
export async function run({ quick, parties, progress }) {
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const rows = [];
  const targets = [];
  let cpuMicrosPerCall;
  for (const part of chosenParts(PARTS)) {
    const result = await part({ parties, settings, progress, cpuMicrosPerCall });
    cpuMicrosPerCall ??= result.cpuMicrosPerCall;
    rows.push(...result.rows);
    targets.push(...result.targets);
  }
  return { rows, targets };
}
