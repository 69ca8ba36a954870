import { WechatPayError } from '../../errors/index.js';
import { isUnsent, isWorthRepeating } from './failure-kinds.js';

/** The first pause is up to this long, in milliseconds; each later one up to twice as long. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** A platform that asks for more time than this inside a call does not get it: the caller is told. */
const LONGEST_RETRY_AFTER_MS = 5_000;

/** What the decision about a failed attempt depends on. */
export interface FailedAttempt {
  readonly error: unknown;
  /** Attempts that were made, this one included. */
  readonly attempts: number;
  /** Repetitions that the call may still have. */
  readonly retriesLeft: number;
  /** Whether repeating the request is safe. */
  readonly isRepeatable: boolean;
  /** Whether there is a host that was not tried in vain just now. */
  readonly hasOtherHost: boolean;
  readonly random: () => number;
}

/** What to do about a failed attempt. */
export type NextStep =
  /** Tell the caller. */
  | { readonly type: 'give-up' }
  /** At once, elsewhere: the platform has not seen the request. */
  | { readonly type: 'other-host' }
  /** The same again after a pause, if the budget has a repetition. */
  | { readonly type: 'repeat'; readonly afterMs: number };

/**
 * The retry policy, in one place. What never left may go to another host, whatever it was; everything
 * else is repeated only when that is safe and worth it.
 *
 * @see Source: 微信支付 通用规则, 重试与幂等
 */
export function nextStep(failed: FailedAttempt): NextStep {
  const { error, attempts, retriesLeft, isRepeatable, hasOtherHost } = failed;
  if (isUnsent(error) && hasOtherHost) return { type: 'other-host' };
  if (retriesLeft === 0) return { type: 'give-up' };
  if (!(isRepeatable || isUnsent(error)) || !isWorthRepeating(error)) return { type: 'give-up' };
  const askedMs = (error instanceof WechatPayError ? error.retryAfterMs : undefined) ?? 0;
  if (askedMs > LONGEST_RETRY_AFTER_MS) return { type: 'give-up' };
  return { type: 'repeat', afterMs: Math.max(askedMs, pauseMs(attempts, failed.random)) };
}

/** Exponential with full jitter: whoever failed in one moment comes back in many. */
function pauseMs(attempts: number, random: () => number): number {
  return random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1));
}

const MAX_RETRY_AFTER_MS = 86_400_000;

/**
 * Reads `Retry-After`: seconds, or an HTTP date.
 *
 * @returns milliseconds, at most a day; `undefined` for what is neither
 * @see Source: RFC 9110, section 10.2.3
 */
export function parseRetryAfter(value: unknown, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = /^[0-9]{1,10}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}
