import { FRAMEWORKS, measureRoutes } from '../../support/notify-routes.mjs';
import { medians, ratio } from '../../support/stats.mjs';
import { atLeast } from '../../support/targets.mjs';

const ROUTES = { guarded: '@WechatPayNotify()', inline: 'written inline' };
/** How many different deliveries go round. */
const DELIVERIES = 256;

/** A notification route, guarded by us and written by hand, on both frameworks. */
export async function inbound({ parties, settings, progress }) {
  const deliveries = DELIVERIES;
  const measured = await measureRoutes({ routes: ROUTES, parties, settings, progress, deliveries });
  return summary(measured, settings);
}

function summary(subjects, { concurrency }) {
  const rows = subjects.map(({ label, rounds }) => ({
    part: `notification route, concurrency ${concurrency}`,
    name: label,
    ...medians(rounds),
  }));
  const roundsOf = (framework, route) =>
    subjects.find((one) => one.framework === framework && one.route === route).rounds;
  const targets = Object.entries(FRAMEWORKS).map(([framework, name]) =>
    atLeast(
      `guarded notification route, × written inline, ${name}`,
      ratio(roundsOf(framework, 'guarded'), roundsOf(framework, 'inline'), 'requestsPerSecond'),
      0.85,
    ),
  );
  return { rows, targets };
}
