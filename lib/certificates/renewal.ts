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
  /** A cron expression in place of `everyMs`, such as `0 17 3,9,15,21 * * *`. */
  readonly cron?: string | undefined;
  /** A certificate that expires within this time makes renewals hourly. @default 30 days */
  readonly renewBeforeMs?: number | undefined;
  /** How long a certificate stays in use that the platform no longer lists. @default 24 hours */
  readonly graceMs?: number | undefined;
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
}

/**
 * How long to wait for the next renewal, in milliseconds: the interval with jitter; hourly when
 * the last certificate is near its expiry; after failures a minute, two, four, … up to that.
 */
export function nextRenewalMs(options: RenewalOptions, state: RenewalState): number {
  const { everyMs } = options;
  const regular =
    everyMs === undefined
      ? RENEWAL.defaultMinMs + state.random * (RENEWAL.defaultMaxMs - RENEWAL.defaultMinMs)
      : everyMs * (0.9 + 0.2 * state.random);
  const renewBeforeMs = options.renewBeforeMs ?? RENEWAL.defaultRenewBeforeMs;
  const isNearExpiry =
    state.lastExpiryMs !== undefined && state.lastExpiryMs - state.nowMs < renewBeforeMs;
  const wanted = isNearExpiry
    ? Math.min(regular, RENEWAL.nearExpiryMs * (0.9 + 0.2 * state.random))
    : regular;
  if (state.failures === 0) return Math.round(wanted);
  const retry = RENEWAL.firstRetryMs * 2 ** Math.min(state.failures - 1, 12);
  return Math.round(Math.min(wanted, retry * (0.75 + 0.5 * state.random)));
}
