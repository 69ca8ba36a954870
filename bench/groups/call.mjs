import { inbound } from './call/inbound.mjs';
import { importTime } from './call/import-time.mjs';
import { layer } from './call/layer.mjs';
import { memory } from './call/memory.mjs';
import { outbound } from './call/outbound.mjs';
import { signing } from './call/signing.mjs';

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
    layerCalls: 200_000,
    memory: { warm: 50_000, measured: 1_000_000 },
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
    layerCalls: 20_000,
    memory: { warm: 2_000, measured: 4_000 },
  },
};

/** One signed call, one verified notification, one import: what every user pays. */
export async function run({ quick, parties, progress }) {
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const rows = [];
  const targets = [];
  let cpuMicrosPerCall;
  for (const part of [outbound, layer, signing, inbound, importTime, memory]) {
    const result = await part({ parties, settings, progress, cpuMicrosPerCall });
    cpuMicrosPerCall ??= result.cpuMicrosPerCall;
    rows.push(...result.rows);
    targets.push(...result.targets);
  }
  return { rows, targets };
}
