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
      let during;
      const leave = () => scene.setAll({ mode });
      const comeBack = async () => {
        during = await scene.shop.ask('soFar');
        await scene.setAll({ mode: 'up' });
        backAtMs = Date.now();
      };
      const { calls } = await scene.drive({
        perSecond,
        kinds: KINDS,
        forMs: outageMs + AFTER_MS,
        then: [
          [0, leave],
          [outageMs, comeBack],
        ],
      });
      const lastFailure = calls
        .filter(({ code, atMs }) => code !== '' && atMs >= backAtMs)
        .reduce((last, { atMs, tookMs }) => Math.max(last, atMs + tookMs), backAtMs);
      const normalAfterMs = lastFailure - backAtMs;
      const attemptsPerCall = during.attempts / during.begun;
      const away = calls.filter(({ atMs }) => atMs < backAtMs);
      rows.push({
        ...rowOf(PART, `${name}, ${outageMs / 1_000} s`, away),
        attemptsPerCall,
        normalAfterMs,
      });
      targets.push(
        atMost(`outage, ${name}: the longest call, ms`, latency(calls, 1), DEADLINE_MS + SLACK_MS),
        atMost(`outage, ${name}: attempts, × calls`, attemptsPerCall, 1.2),
        atMost(`outage, ${name}: normal after its return, ms`, normalAfterMs, 5_000),
      );
    } finally {
      await scene.stop();
    }
  }
  return { rows, targets };
}
