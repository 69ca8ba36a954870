import { deadHosts } from './resilience/dead-hosts.mjs';
import { outage } from './resilience/outage.mjs';
import { slowAnswers } from './resilience/slow-answers.mjs';

const SETTINGS = {
  full: {
    slowMs: 30_000,
    perSecond: 60,
    dead: { perSecond: 200, calls: 10_000 },
    outageMs: 60_000,
  },
  quick: { slowMs: 4_000, perSecond: 60, dead: { perSecond: 200, calls: 600 }, outageMs: 6_000 },
};

/** What calls do when the platform is slow, unreachable, or down. */
export async function run({ quick, parties, progress }) {
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const rows = [];
  const targets = [];
  for (const part of [slowAnswers, deadHosts, outage]) {
    const result = await part({ parties, settings, progress });
    rows.push(...result.rows);
    targets.push(...result.targets);
  }
  return { rows, targets };
}
