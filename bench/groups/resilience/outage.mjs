import { atMost } from '../../support/targets.mjs';
import { DEADLINE_MS, latency, rowOf, Scene, SLACK_MS } from './scene.mjs';

const PART = 'both hosts are down, and come back';
const HEALTHY_MS = 2_000;
const AFTER_MS = 8_000;
const KINDS = ['read', 'write', 'refund'];

/** The platform is away for a minute. */
export async function outage({ parties, settings: { outageMs, perSecond }, progress }) {
  const rows = [];
  const targets = [];
  for (const [mode, name] of [
    ['down', 'connections are refused'],
    ['hole', 'black holes'],
  ]) {
    progress(`outage: ${name}`);
    const scene = await Scene.start({ parties, platforms: 2 });
    try {
      await scene.drive({ perSecond, kinds: KINDS, forMs: HEALTHY_MS });
      let backAtMs = 0;
      const begunAtMs = Date.now();
      await scene.setAll({ mode });
      const { calls, attempts } = await scene.drive({ perSecond, kinds: KINDS, forMs: outageMs });
      await scene.setAll({ mode: 'up' });
      backAtMs = Date.now();
      const later = await scene.drive({ perSecond, kinds: KINDS, forMs: AFTER_MS });
      const lastFailure = later.calls
        .filter(({ code }) => code !== '')
        .reduce((last, { atMs, tookMs }) => Math.max(last, atMs + tookMs), backAtMs);
      rows.push({
        ...rowOf(PART, `${name}, ${Math.round((backAtMs - begunAtMs) / 1_000)} s`, calls),
        attemptsPerCall: attempts / calls.length,
        normalAfterMs: lastFailure - backAtMs,
      });
      targets.push(
        atMost(`outage, ${name}: the longest call, ms`, latency(calls, 1), DEADLINE_MS + SLACK_MS),
        atMost(`outage, ${name}: attempts, × calls`, attempts / calls.length, 1.2),
        atMost(`outage, ${name}: normal after its return, ms`, lastFailure - backAtMs, 5_000),
      );
    } finally {
      await scene.stop();
    }
  }
  return { rows, targets };
}
