import { startPostgres } from '../../../tools/postgres.mjs';
import {
  FRAMEWORKS,
  measurePaced,
  measureRound,
  measureSubjects,
} from '../../support/notify-routes.mjs';
import { hasPostgres, programPath, STORES } from '../../support/servers.mjs';
import { medians } from '../../support/stats.mjs';

/** What a payment goes through that has to outlive the process. */
const MODES = [
  {
    route: 'postgres',
    name: 'claim(tx) on PostgreSQL',
    needs: { label: 'PostgreSQL', program: 'postgres', debian: 'postgresql' },
    isThere: hasPostgres,
    open: startPostgres,
  },
  {
    route: 'queue',
    name: 'queue on Redis',
    needs: STORES.redis,
    isThere: () => programPath(STORES.redis.program) !== undefined,
    // As the guide has it. Redis evicts nothing by default; it is said because all depends on it.
    open: () => STORES.redis.start(['--appendfsync', 'always', '--maxmemory-policy', 'noeviction']),
  },
];
/** Deliveries a second; the first that a mode can hold is measured. */
const PACES = [1_000, 750, 500, 250, 100];
/** Share of its throughput that a mode can hold: the rest is for what the machine does meanwhile. */
const HOLDS = 0.7;

/** The ready route in modes that keep events in a database or a queue; none has a limit. */
export async function modes({ parties, settings, progress }) {
  const present = MODES.filter(({ isThere, needs: { label, program, debian } }) => {
    if (isThere()) return true;
    console.log(`notification: ${label} is left out: no ${program} (apt-get install ${debian})`);
    return false;
  });
  const measured = await measureSubjects({
    subjects: present.map(({ route, name, open }) => ({
      framework: 'fastify',
      route,
      label: `${FRAMEWORKS.fastify}, ${name}`,
      open,
    })),
    parties,
    settings,
    progress,
    deliveries: settings.deliveries,
    async extra(subject, running) {
      subject.perSecond ??= paceOf(await measureRound(subject, running, settings));
      const { perSecond } = subject;
      return measurePaced(running, { durationMs: settings.pacedMs, perSecond });
    },
  });
  return measured.flatMap(({ label, rounds, extras, perSecond }) => [
    {
      part: `notification route, concurrency ${settings.concurrency}`,
      name: label,
      ...medians(rounds),
    },
    { part: `notification route, ${perSecond}/s`, name: label, ...medians(extras) },
  ]);
}

/** A queue holds what it handles, not what it accepts. */
function paceOf({ requestsPerSecond, handledPerSecond = requestsPerSecond }) {
  return PACES.find((pace) => pace <= HOLDS * handledPerSecond) ?? PACES.at(-1);
}
