import { Child } from './children.mjs';
import { measureInSittings } from './sittings.mjs';

export const NOTIFY_PATH = '/wechatpay/notify';
export const FRAMEWORKS = { express: 'Express', fastify: 'Fastify' };

/**
 * Measures notification routes against each other, each in a server of its own on both frameworks, with
 * a process that delivers to it.
 *
 * @param routes files of `workers/routes` by name, with what each is called
 * @param deliveries how many different events each process has ready
 * @param extra `(subject, running) => figures`: measured once a sitting beside the rounds
 */
export async function measureRoutes({ routes, parties, settings, progress, deliveries, extra }) {
  const subjects = Object.keys(FRAMEWORKS).flatMap((framework) =>
    Object.keys(routes).map((route) => ({
      framework,
      route,
      label: `${FRAMEWORKS[framework]}, ${routes[route]}`,
      extras: [],
    })),
  );
  return measureInSittings({
    subjects,
    sittings: settings.sittings,
    rounds: settings.notificationRounds,
    async start(subject, sitting) {
      progress(`notification, ${sitting}: ${subject.label}`);
      const running = await start(subject, parties, { ...settings, deliveries });
      if (extra) subject.extras.push(await extra(subject, running));
      return running;
    },
    measure: (subject, running) => measure(subject, running, settings),
    stop: ({ server, load }) => Promise.all([load.stop(), server.stop()]),
  });
}

/** A server of its own and a process that delivers to it, both warm. */
async function start({ framework, route, label }, parties, settings) {
  const { merchant, platform } = parties;
  const server = await Child.start('workers/notify-server.mjs', label);
  const load = await Child.start('workers/notify-load.mjs', `deliveries to ${label}`);
  const { url } = await server.ask('start', {
    framework,
    route,
    merchant,
    platform: { id: platform.id, publicKey: platform.publicKey },
  });
  const { warmUpMs: durationMs, concurrency, deliveries } = settings;
  await load.ask('warmUp', {
    parties,
    url,
    path: NOTIFY_PATH,
    durationMs,
    concurrency,
    deliveries,
  });
  return { server, load };
}

async function measure({ label }, { server, load }, { notificationsMs, concurrency }) {
  const path = NOTIFY_PATH;
  // Connections that were idle for too long are made anew, and the other route's bytes leave the caches.
  await load.ask('load', { path, durationMs: notificationsMs / 5, concurrency });
  await server.ask('begin');
  const sent = await load.ask('load', { path, durationMs: notificationsMs, concurrency });
  const received = await server.ask('end');
  if (received.handled !== sent.delivered) {
    throw new Error(`${label}: ${sent.delivered} delivered, ${received.handled} handled`);
  }
  return { ...sent.figures, ...received.figures };
}
