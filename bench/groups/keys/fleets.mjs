import { setTimeout as sleep } from 'node:timers/promises';
import { programPath, STORES } from '../../support/servers.mjs';
import { median } from '../../support/stats.mjs';
import { atMost } from '../../support/targets.mjs';
import { Fleet, LEASE_MS, SECOND_MS } from './fleet.mjs';

/** Longer than the lease of a renewal, which nobody gives back; real periods are hours. */
const PERIOD_MS = LEASE_MS + 2_000;
/** How far apart in a period the processes ask at most. */
const SPREAD_MS = 1_000;

/** Several processes on one store: Redis, then etcd. */
export async function fleets({ roster, settings, progress }) {
  const isThere = (kind) => programPath(STORES[kind].program) !== undefined;
  const kinds = Object.keys(STORES).filter(isThere);
  const absent = Object.keys(STORES).filter((kind) => !isThere(kind));
  for (const { program, debian, label } of absent.map((kind) => STORES[kind])) {
    console.log(`keys: ${label} cannot be measured: no ${program} (apt-get install ${debian})`);
  }
  const results = [];
  const running = [];
  try {
    for (const kind of kinds) {
      progress(`keys: ${settings.processes} processes on ${STORES[kind].label}`);
      const fleet = await Fleet.start(kind, { roster, processes: settings.processes });
      running.push(fleet);
      const perPeriod = { start: await firstUse(fleet) };
      results.push({ fleet, perPeriod, reach: await reach(fleet, settings) });
    }
    // What follows is waiting mostly: both fleets do it at the same time.
    progress('keys: periods, a crash and outages of the stores');
    await Promise.all(
      results.map(async (result) => {
        const { fleet } = result;
        result.perPeriod.later = await periods(fleet, settings);
        result.takeover = await takeover(fleet);
        result.stopped = await outage(fleet, settings, {
          begin: () => fleet.server.kill(),
          end: () => fleet.server.restart(),
        });
        result.frozen = await outage(fleet, settings, {
          begin: () => fleet.server.freeze(),
          end: () => fleet.server.thaw(),
        });
      }),
    );
  } finally {
    await Promise.all(running.map((fleet) => fleet.close()));
  }
  const summaries = results.map((result) => summary(result, settings));
  return {
    rows: summaries.flatMap(({ rows }) => rows),
    targets: [
      ...summaries.flatMap(({ targets }) => targets),
      // what was not measured is not met
      ...absent.map((kind) => atMost(`${STORES[kind].label} is not there, all of it`, NaN, 0)),
    ],
  };
}

/** All begin to call at the same moment, with nothing loaded. */
async function firstUse(fleet) {
  await fleet.askAll('beginCalls');
  await fleet.allHold();
  return fleet.takeDownloads();
}

/** One renews; how long until the others hold the new certificate, from the beginning of its download. */
async function reach(fleet, { reachRounds }) {
  const times = fleet.members.map(() => []);
  for (let round = 0; round < reachRounds; round++) {
    await sleep(SECOND_MS);
    await fleet.announce();
    const { begunAtMs } = await fleet.members[round % fleet.members.length].ask('refresh');
    const since = await fleet.allHold();
    since.forEach((sinceMs, n) => times[n].push(sinceMs - begunAtMs));
    await fleet.turn();
  }
  await fleet.takeDownloads();
  return {
    medianMs: Math.max(...times.map((own) => median(own))),
    slowestMs: Math.max(...times.flat()),
  };
}

/** Everybody's renewal is due once in a period: at the same moment in the first, spread in the others. */
async function periods(fleet, { periodRounds }) {
  const downloads = [];
  for (let round = 0; round < periodRounds; round++) {
    await sleep(PERIOD_MS);
    await fleet.takeDownloads();
    await Promise.all(
      fleet.members.map(async (member) => {
        if (round > 0) await sleep(Math.random() * SPREAD_MS);
        await member.ask('renew', { minAgeMs: 0.9 * PERIOD_MS });
      }),
    );
    downloads.push(await fleet.takeDownloads());
  }
  return downloads;
}

/**
 * The process that has the lease dies in the middle of its download, which the platform leaves
 * unanswered; the others go on as the scheduler would.
 */
async function takeover(fleet) {
  await sleep(PERIOD_MS);
  await fleet.announce();
  await fleet.platform.ask('hold', { count: 1 });
  const renewal = { minAgeMs: 0.9 * PERIOD_MS, tries: 5 };
  const settled = new Set();
  const renewing = fleet.members.map(async (member) => {
    const first = await member.ask('renew', { minAgeMs: renewal.minAgeMs });
    settled.add(member);
    return first;
  });
  renewing.forEach((each) => each.catch(() => undefined));
  const end = performance.now() + 5_000;
  while (settled.size < fleet.members.length - 1) {
    if (performance.now() > end) throw new Error(`${fleet.label}: nobody has the lease alone`);
    await sleep(5);
  }
  const holder = fleet.members.find((member) => !settled.has(member));
  const killedAtMs = Date.now();
  fleet.kill(holder);
  const resumed = fleet.members.map(async (member) => {
    await sleep(LEASE_MS * (1 + 0.5 * Math.random()));
    return member.ask('renew', renewal);
  });
  const since = await fleet.allHold();
  await Promise.all(resumed);
  await fleet.turn();
  const joined = await fleet.join();
  await joined.ask('beginCalls');
  await fleet.allHold();
  return { seconds: (Math.min(...since) - killedAtMs) / 1e3 };
}

/**
 * The store goes and comes back. Meanwhile the platform rotates twice: once every process renews for
 * itself; once only one of them does, and the others have to learn of it when the store is back.
 */
async function outage(fleet, { outageMs }, { begin, end }) {
  await fleet.takeCalls();
  await fleet.takeDownloads();
  const begun = performance.now();
  await begin();
  await sleep(outageMs / 3);
  await fleet.announce();
  await fleet.askAll('renew', { minAgeMs: 0 });
  await fleet.allHold();
  await fleet.turn();
  const downloads = await fleet.takeDownloads();
  await sleep(Math.max(SECOND_MS, outageMs / 3));
  await fleet.announce();
  await fleet.members[0].ask('refresh');
  await sleep(Math.max(0, outageMs - (performance.now() - begun)));
  await end();
  const backAtMs = Date.now();
  const since = await fleet.allHold();
  await fleet.turn();
  await sleep(SECOND_MS);
  const counts = await fleet.takeCalls();
  if (counts.calls === 0) throw new Error(`${fleet.label}: nobody called during an outage`);
  return { downloads, seconds: (Math.max(...since) - backAtMs) / 1e3, ...counts };
}

function summary({ fleet, perPeriod, reach: reached, takeover: taken, stopped, frozen }, settings) {
  const { label } = fleet;
  const { processes, outageMs } = settings;
  const part = `keys: ${processes} processes on one ${label}`;
  const most = Math.max(perPeriod.start, ...perPeriod.later);
  const seconds = outageMs / 1e3;
  const least = Math.min(perPeriod.start, ...perPeriod.later);
  if (least < 1) throw new Error(`${label}: nobody downloaded in a period`);
  return {
    rows: [
      { part, name: 'first use of all at once', downloads: perPeriod.start },
      { part, name: `the worst of ${perPeriod.later.length} periods`, downloads: most },
      { part, name: 'a rotation reaches all', ...reached },
      { part, name: 'lease holder killed, another has renewed', ...taken },
      { part, name: `store stopped for ${seconds} s, converged after`, ...stopped },
      { part, name: `store frozen for ${seconds} s, converged after`, ...frozen },
    ],
    targets: [
      atMost(`downloads in a period, all processes, ${label}`, most, 1),
      atMost(`a rotation reaches all processes, ${label}, ms`, reached.medianMs, 1_000),
      atMost(
        `lease holder killed: renewed by another, ${label}, × lease of ${LEASE_MS / 1e3} s`,
        (taken.seconds * 1e3) / LEASE_MS,
        2,
      ),
      atMost(`calls that failed, ${label} stopped for ${seconds} s`, stopped.failed, 0),
      atMost(`calls that failed, ${label} frozen for ${seconds} s`, frozen.failed, 0),
      atMost(`converged after ${label} was stopped, s`, stopped.seconds, 15),
      atMost(`converged after ${label} was frozen, s`, frozen.seconds, 15),
    ],
  };
}
