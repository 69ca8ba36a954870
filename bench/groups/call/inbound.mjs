import { Child } from '../../support/children.mjs';
import { medians, ratio } from '../../support/stats.mjs';
import { atLeast } from '../../support/targets.mjs';

const PATH = '/wechatpay/notify';
const FRAMEWORKS = { express: 'Express', fastify: 'Fastify' };
const ROUTES = { guarded: '@WechatPayNotify()', inline: 'written inline' };

/** A notification route, guarded by us and written by hand, on both frameworks. */
export async function inbound({ parties, settings, progress }) {
  const subjects = Object.keys(FRAMEWORKS).flatMap((framework) =>
    Object.keys(ROUTES).map((route) => ({ framework, route, rounds: [] })),
  );
  for (let round = 0; round < settings.rounds; round++) {
    for (const { framework, route, rounds } of subjects) {
      const label = `${FRAMEWORKS[framework]}, ${ROUTES[route]}`;
      progress(`notification, round ${round + 1} of ${settings.rounds}: ${label}`);
      rounds.push(await measure({ framework, route, label, parties, settings }));
    }
  }
  return summary(subjects, settings);
}

async function measure({ framework, route, label, parties, settings }) {
  const { merchant, platform } = parties;
  const { concurrency } = settings;
  const server = await Child.start('workers/notify-server.mjs', label);
  const load = await Child.start('workers/notify-load.mjs', `deliveries to ${label}`);
  try {
    const { url } = await server.ask('start', {
      framework,
      route,
      merchant,
      platform: { id: platform.id, publicKey: platform.publicKey },
    });
    const durationMs = settings.warmUpMs;
    await load.ask('warmUp', { parties, url, path: PATH, durationMs, concurrency });
    await server.ask('begin');
    const sent = await load.ask('load', {
      path: PATH,
      durationMs: settings.notificationsMs,
      concurrency,
    });
    const received = await server.ask('end');
    if (received.handled !== sent.delivered) {
      throw new Error(`${label}: ${sent.delivered} delivered, ${received.handled} handled`);
    }
    await load.ask('close');
    await server.ask('close');
    return { ...sent.figures, ...received.figures };
  } finally {
    await Promise.all([load.stop(), server.stop()]);
  }
}

function summary(subjects, { concurrency }) {
  const rows = subjects.map(({ framework, route, rounds }) => ({
    part: `notification route, concurrency ${concurrency}`,
    name: `${FRAMEWORKS[framework]}, ${ROUTES[route]}`,
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
