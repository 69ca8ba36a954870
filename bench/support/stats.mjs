import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The `share` quantile (0..1) of numbers in ascending order, nearest rank. */
export function quantile(sorted, share) {
  if (sorted.length === 0) return NaN;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of every figure over the rounds: `[{ a, b }, { a, b }]` → `{ a, b }`. */
export function medians(rounds) {
  const names = Object.keys(rounds[0]);
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((one) => one[name]))]));
}

/**
 * How many times as large a figure is as another contestant's: the median of the rounds' ratios.
 * Within a round both met much the same machine, whatever else it did meanwhile.
 */
export function ratio(rounds, others, figure) {
  return median(rounds.map((one, round) => one[figure] / others[round][figure]));
}

/** Rounds to four significant digits: more would claim a precision that nobody has. */
export function tidy(value) {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

const LOOP_RESOLUTION_MS = 1;

/** Watches what this process spends, between `start()` and `stop(count)`. */
export class Meter {
  #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #cpu;
  #startedAt;

  start() {
    this.#loop.reset();
    this.#loop.enable();
    this.#cpu = process.cpuUsage();
    this.#startedAt = performance.now();
  }

  /**
   * Figures over `count` units of work. CPU is that of the whole process, thread pool included;
   * the loop's delay is what a 1 ms timer came late by.
   */
  stop(count) {
    const elapsedMs = performance.now() - this.#startedAt;
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#loop.disable();
    return {
      elapsedMs,
      cpuMicros: (user + system) / count,
      cpuShare: (user + system) / 1e3 / elapsedMs,
      loopDelayP99Ms: Math.max(0, this.#loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS),
    };
  }
}

/**
 * Keeps `concurrency` calls going until `durationMs` have passed; each lane finishes its last one.
 * Answers the latency of every call in ms, ascending.
 */
export async function drive(call, { durationMs, concurrency }) {
  const latencies = [];
  const end = performance.now() + durationMs;
  const lane = async () => {
    for (let begun = performance.now(); begun < end;) {
      await call();
      const now = performance.now();
      latencies.push(now - begun);
      begun = now;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return Float64Array.from(latencies).sort();
}

/**
 * Begins `perSecond` calls a second for `durationMs`, however long each takes. Answers the latency of every
 * call in ms from the moment it was due, ascending: what a late beginning costs is counted.
 */
export async function drivePaced(call, { durationMs, perSecond }) {
  const total = Math.round((durationMs / 1e3) * perSecond);
  const pauseMs = 1e3 / perSecond;
  const startedAt = performance.now();
  const running = [];
  for (let begun = 0; begun < total;) {
    const now = performance.now();
    for (; begun < total && startedAt + begun * pauseMs <= now; begun++) {
      const dueAt = startedAt + begun * pauseMs;
      running.push(call().then(() => performance.now() - dueAt));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return Float64Array.from(await Promise.all(running)).sort();
}
