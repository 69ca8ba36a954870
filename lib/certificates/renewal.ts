import { CronTime } from 'cron';

/**
 * When the platform certificates are fetched again.
 *
 * @publicApi
 */
export interface RenewalOptions {
  /**
   * Interval in milliseconds, 60,000 to 43,200,000 (12 h, the platform's own bound); ±10 % of
   * jitter is added. @default a random time between 6 and 10 hours
   */
  readonly everyMs?: number | undefined;
  /**
   * A cron expression in place of `everyMs`, such as `0 17 3,9,15,21 * * *`. Each process waits a random
   * time of up to 30 seconds more.
   */
  readonly cron?: string | undefined;
  /** A certificate that expires within this time makes renewals hourly. @default 30 days */
  readonly renewBeforeMs?: number | undefined;
  /** How long a certificate stays in use that the platform no longer lists. @default 24 hours */
  readonly graceMs?: number | undefined;
  /**
   * How long a replaced key of the merchant, private key or APIv3 key (APIv3密钥), still opens what
   * was encrypted for it; 0 to 20 days. The platform repeats notifications for a day, and some came
   * with the old key a week after a reset. @default 8 days
   */
  readonly previousKeyMs?: number | undefined;
}

/** Defaults and bounds of {@link RenewalOptions}, in milliseconds. */
export const RENEWAL = {
  minEveryMs: 60_000,
  maxEveryMs: 12 * 3_600_000,
  defaultMinMs: 6 * 3_600_000,
  defaultMaxMs: 10 * 3_600_000,
  nearExpiryMs: 3_600_000,
  firstRetryMs: 60_000,
  defaultRenewBeforeMs: 30 * 86_400_000,
  defaultGraceMs: 24 * 3_600_000,
  defaultPreviousKeyMs: 8 * 86_400_000,
  /** By cron all processes wake at once: a list that one of them got just now is good enough. */
  cronYoungMs: 5 * 60_000,
  /** …and not all in the same second, when no store says that another one is at it. */
  cronSpreadMs: 30_000,
  /** For merchants whose certificates are not polled: their own certificate is looked at daily. */
  idleMs: 24 * 3_600_000,
} as const;

/** What the next renewal depends on. */
export interface RenewalState {
  readonly nowMs: number;
  /** Failed refreshes since the last good one. */
  readonly failures: number;
  /** Expiry of the certificate that lasts longest; `undefined` when there is none. */
  readonly lastExpiryMs: number | undefined;
  /** A number from 0 to 1 for the jitter. */
  readonly random: number;
  /** How old the list in force is, when another process renewed it; 0 for one got just now. */
  readonly ageMs?: number | undefined;
}

/**
 * How long to wait for the next renewal, in milliseconds: the interval with jitter, less what the
 * list in force is old already, or until a little after the cron expression says; hourly when the last certificate
 * is near its expiry; after failures a minute, two, four, … up to that.
 */
export function nextRenewalMs(options: RenewalOptions, state: RenewalState): number {
  const { nowMs, random, failures, ageMs = 0 } = state;
  const regular =
    options.cron === undefined
      ? Math.max(RENEWAL.minEveryMs, intervalMs(options, random) - ageMs)
      : nextCronMs(options.cron, nowMs) + RENEWAL.cronSpreadMs * random;
  const wanted = isNearExpiry(options, state)
    ? Math.min(regular, RENEWAL.nearExpiryMs * (0.9 + 0.2 * random))
    : regular;
  if (failures === 0) return Math.round(wanted);
  const retry = RENEWAL.firstRetryMs * 2 ** Math.min(failures - 1, 12);
  return Math.round(Math.min(wanted, retry * (0.75 + 0.5 * random)));
}

/**
 * How old a list may be, in milliseconds, so that a renewal that is due leaves it: somebody else
 * has renewed it in the same period.
 */
export function youngMs(
  options: RenewalOptions,
  state: Pick<RenewalState, 'nowMs' | 'lastExpiryMs'>,
): number {
  if (options.cron !== undefined) return RENEWAL.cronYoungMs;
  const shortest = intervalMs(options, 0);
  return isNearExpiry(options, state) ? Math.min(shortest, RENEWAL.nearExpiryMs * 0.9) : shortest;
}

function intervalMs({ everyMs }: RenewalOptions, random: number): number {
  return everyMs === undefined
    ? RENEWAL.defaultMinMs + random * (RENEWAL.defaultMaxMs - RENEWAL.defaultMinMs)
    : everyMs * (0.9 + 0.2 * random);
}

function isNearExpiry(
  { renewBeforeMs = RENEWAL.defaultRenewBeforeMs }: RenewalOptions,
  { nowMs, lastExpiryMs }: Pick<RenewalState, 'nowMs' | 'lastExpiryMs'>,
): boolean {
  return lastExpiryMs !== undefined && lastExpiryMs - nowMs < renewBeforeMs;
}

function nextCronMs(expression: string, nowMs: number): number {
  return new CronTime(expression).getNextDateFrom(new Date(nowMs)).toMillis() - nowMs;
}
