import { atMost } from '../../support/targets.mjs';
import { ATTEMPT_MS, DEADLINE_MS, failed, latency, rowOf, Scene, SLACK_MS } from './scene.mjs';

const HEDGE_MS = 50;
const PART = '10 % of the answers delayed by 3 s';
const REPEATABLE = ['read', 'write'];

/** A platform that leaves one answer in ten for three seconds. */
export async function slowAnswers({ parties, settings: { slowMs, perSecond }, progress }) {
  const rows = [];
  const targets = [];
  for (const [name, http, limitMs] of [
    ['without hedging', {}, 2 * ATTEMPT_MS + SLACK_MS],
    ['with hedging', { hedgeAfterMs: HEDGE_MS, hedgeWrites: true }, 200],
  ]) {
    progress(`slow answers, ${name}`);
    const scene = await Scene.start({ parties, http });
    try {
      await scene.drive({ perSecond, kinds: REPEATABLE, forMs: 1_000 }); // warm
      await scene.setAll({ mode: 'slow', share: 0.1, delayMs: 3_000 });
      await scene.platforms[0].ask('takeStats');
      const { calls } = await scene.drive({ perSecond, kinds: REPEATABLE, forMs: slowMs });
      rows.push(rowOf(PART, `reads and idempotent writes, ${name}`, calls));
      const percent = (failed(calls).length / calls.length) * 100;
      targets.push(
        atMost(`slow answers, ${name}: failed reads and idempotent writes, %`, percent, 0.5),
        atMost(`slow answers, ${name}: p99 of them, ms`, latency(calls, 0.99), limitMs),
      );
      await scene.platforms[0].ask('takeStats');
      const others = await scene.drive({ perSecond, kinds: ['refund'], forMs: slowMs / 3 });
      const { most } = await scene.platforms[0].ask('takeStats');
      rows.push(rowOf(PART, `refunds, ${name}`, others.calls));
      targets.push(
        atMost(`slow answers, ${name}: a refund arrived, times`, most, 1),
        atMost(
          `slow answers, ${name}: the longest refund, ms`,
          latency(others.calls, 1),
          DEADLINE_MS + SLACK_MS,
        ),
      );
    } finally {
      await scene.stop();
    }
  }
  return { rows, targets };
}
