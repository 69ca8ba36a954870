import { Child } from '../../support/children.mjs';
import { median } from '../../support/stats.mjs';
import { atMost } from '../../support/targets.mjs';

/**
 * The resilience layer around work that does nothing.
 *
 * @param cpuMicrosPerCall what a whole call of ours costs in this run
 */
export async function layer({ settings, progress, cpuMicrosPerCall }) {
  progress('the resilience layer');
  const worker = await Child.start('workers/layer.mjs', 'the resilience layer');
  const rounds = [];
  try {
    await worker.ask('start');
    await worker.ask('measure', { count: settings.layerCalls });
    for (let round = 0; round < settings.callRounds; round++) {
      const { bare, layered } = await worker.ask('measure', { count: settings.layerCalls });
      rounds.push(layered - bare);
    }
  } finally {
    await worker.stop();
  }
  const micros = median(rounds);
  return {
    rows: [
      { part: 'resilience layer, nothing failing', name: 'deadline to result', cpuMicros: micros },
    ],
    targets: [atMost('resilience layer, % of CPU per call', (micros / cpuMicrosPerCall) * 100, 3)],
  };
}
