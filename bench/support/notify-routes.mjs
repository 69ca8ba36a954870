import { Child } from './children.mjs';
import { measureInSittings } from './sittings.mjs';

export const NOTIFY_PATH = '/wechatpay/notify';
export const FRAMEWORKS = { express: 'Express', fastify: 'Fastify' };
/** Routes with an inbox: an event that comes again runs no handler. */
const ONCE = new Set(['handlers', 'postgres', 'queue']);

/**
 * Measures notification routes against each other on both frameworks.
 *
 * @param routes files of `workers/routes` by name, with what each is called
 * @param more `{ parties, settings, progress, deliveries, extra }` of {@link measureSubjects}
 */
export async function measureRoutes({ routes, ...more }) {
  const subjects = Object.keys(FRAMEWORKS).flatMap((framework) =>
    Object.keys(routes).map((route) => ({
      framework,
      route,
      label: `${FRAMEWORKS[framework]}, ${routes[route]}`,
    })),
  );
  return measureSubjects({ subjects, ...more });
}

/**
 * Measures routes against each other, each in a server of its own with a process that delivers to it.
 *
 * @param subjects `{ framework, route, label, open }`; `open()` starts what the route keeps its events
 * in, `{ url, close() }`, anew for each sitting
 * @param deliveries how many different events each process has ready; where a route needs others, it makes
 * more between rounds
 * @param extra `(subject, running) => figures`: measured once a sitting beside the rounds
 */
export async function measureSubjects({
  subjects,
  parties,
  settings,
  progress,
  deliveries,
  extra,
}) {
  return measureInSittings({
    subjects: subjects.map((subject) => ({ ...subject, extras: [] })),
    sittings: settings.sittings,
    rounds: settings.notificationRounds,
    async start(subject, sitting) {
      progress(`notification, ${sitting}: ${subject.label}`);
      const running = await start(subject, parties, { ...settings, deliveries });
      if (extra) subject.extras.push(await extra(subject, running));
      return running;
    },
    measure: (subject, running) => measureRound(subject, running, settings),
    async stop({ server, load, backend }) {
      await Promise.all([load.stop(), server.stop()]);
      await backend?.close();
    },
  });
}

/** A server of its own and a process that delivers to it, both warm. */
async function start({ framework, route, label, open }, parties, settings) {
  const { merchant, platform } = parties;
  const { warmUpMs: durationMs, warmDeliveries: atLeast, concurrency, deliveries } = settings;
  const backend = await open?.();
  const server = await Child.start('workers/notify-server.mjs', label);
  const load = await Child.start('workers/notify-load.mjs', `deliveries to ${label}`);
  const { url } = await server.ask('start', {
    framework,
    route,
    merchant,
    platform: { id: platform.id, publicKey: platform.publicKey },
    backend: backend && { url: backend.url, orders: deliveries },
  });
  const { total } = await load.ask('warmUp', {
    parties,
    url,
    path: NOTIFY_PATH,
    durationMs,
    atLeast,
    concurrency,
    deliveries,
    once: ONCE.has(route),
  });
  await server.ask('settle', { delivered: total });
  return { server, load, backend };
}

/** Figures of so many deliveries a second, once all of them are handled. */
export async function measurePaced({ server, load }, { durationMs, perSecond }) {
  const sent = await load.ask('paced', { path: NOTIFY_PATH, durationMs, perSecond });
  await server.ask('settle', { delivered: sent.total });
  return sent.figures;
}

/** Figures of one round at full concurrency. */
export async function measureRound({ label }, { server, load }, { notificationsMs, concurrency }) {
  const path = NOTIFY_PATH;
  await load.ask('stock', { durationMs: notificationsMs * 1.2 });
  // Connections that were idle for too long are made anew, and the other route's bytes leave the caches.
  const before = await load.ask('load', { path, durationMs: notificationsMs / 5, concurrency });
  await server.ask('begin', { delivered: before.total });
  const sent = await load.ask('load', { path, durationMs: notificationsMs, concurrency });
  const received = await server.ask('end', { delivered: sent.total });
  if (received.handled !== sent.delivered) {
    throw new Error(`${label}: ${sent.delivered} delivered, ${received.handled} handled`);
  }
  return { ...sent.figures, ...received.figures };
}
