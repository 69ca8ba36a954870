import { FRAMEWORKS, measurePaced, measureRoutes } from '../support/notify-routes.mjs';
import { median, medians, ratio } from '../support/stats.mjs';
import { atLeast, atMost } from '../support/targets.mjs';
import { modes } from './notification/modes.mjs';

const ROUTES = { handlers: 'handlers by discovery', inline: 'written inline' };
const PACE = { perSecond: 1_000 };
const SETTINGS = {
  full: {
    // Two processes of one program differ by more than the rounds of one: many sittings, few rounds.
    sittings: 5,
    warmUpMs: 1_500,
    // The compiler goes on for so long; a server runs for days.
    warmDeliveries: 20_000,
    notificationRounds: 5,
    notificationsMs: 500,
    concurrency: 64,
    pacedMs: 2_000,
    // An event that comes again runs no handler: as many as can be delivered in a sitting.
    deliveries: 55_000,
    modes: { sittings: 3, warmDeliveries: 5_000, pacedMs: 4_000 },
  },
  quick: {
    sittings: 1,
    warmUpMs: 300,
    warmDeliveries: 1,
    notificationRounds: 1,
    notificationsMs: 300,
    concurrency: 64,
    pacedMs: 500,
    deliveries: 8_000,
    modes: { warmUpMs: 200, notificationsMs: 150, deliveries: 10_000 },
  },
};

/** The whole way of a notification to its handlers, and the same work written by hand. */
export async function run({ quick, parties, progress }) {
  const settings = quick ? SETTINGS.quick : SETTINGS.full;
  const { deliveries, concurrency, pacedMs: durationMs } = settings;
  const subjects = await measureRoutes({
    routes: ROUTES,
    parties,
    settings,
    progress,
    deliveries,
    extra: (_subject, running) => measurePaced(running, { durationMs, ...PACE }),
  });
  const rows = subjects.flatMap(({ label, rounds, extras }) => [
    { part: `notification route, concurrency ${concurrency}`, name: label, ...medians(rounds) },
    { part: `notification route, ${PACE.perSecond}/s`, name: label, ...medians(extras) },
  ]);
  const find = (framework, route) =>
    subjects.find((one) => one.framework === framework && one.route === route);
  const targets = Object.entries(FRAMEWORKS).map(([framework, name]) =>
    atLeast(
      `notification to its handlers, × written inline, ${name}`,
      ratio(
        find(framework, 'handlers').rounds,
        find(framework, 'inline').rounds,
        'requestsPerSecond',
      ),
      0.8,
    ),
  );
  const p99 = median(find('fastify', 'handlers').extras.map(({ p99Ms }) => p99Ms));
  targets.push(atMost(`p99 at ${PACE.perSecond} deliveries/s, Fastify, ms`, p99, 8));
  const beside = { ...settings, ...settings.modes };
  rows.push(...(await modes({ parties, settings: beside, progress })));
  return { rows, targets };
}
