import {
  WechatPayError,
  WechatPaySignatureError,
  type WechatPayErrorCode,
} from '../errors/index.js';

/**
 * What came in on the notification routes of a merchant since it was loaded, in this process.
 *
 * @publicApi
 */
export interface NotificationCounts {
  /** Genuine, and let through to the handlers or the queue. */
  readonly accepted: number;
  /** Deliberate wrong signatures of the platform (签名探测流量), refused as they should be. */
  readonly probes: number;
  /** Everything else that was refused, by the code of the error. */
  readonly refused: Readonly<Partial<Record<WechatPayErrorCode | 'UNKNOWN', number>>>;
  /**
   * How far this clock is ahead of the platform's, in milliseconds, exact to a second: of the last 16
   * genuine notifications the nearest, as a late delivery looks like a clock that is ahead.
   */
  readonly clockSkewMs: number | undefined;
}

const SAMPLES = 16;
/** Wrong times are told of so often at most: strangers can send old notifications again. */
const TELL_AGAIN_MS = 3_600_000;

/** Counts the notifications of one merchant. */
export class NotificationTally {
  #accepted = 0;
  #probes = 0;
  readonly #refused = new Map<WechatPayErrorCode | 'UNKNOWN', number>();
  /** Of the last genuine ones; the oldest is overwritten. */
  readonly #skewsMs: number[] = [];
  #toldAtMs = -Infinity;

  /** What was counted up to now. */
  get counts(): NotificationCounts {
    const { clockSkewMs } = this;
    return {
      accepted: this.#accepted,
      probes: this.#probes,
      refused: Object.fromEntries(this.#refused),
      clockSkewMs,
    };
  }

  /** As {@link NotificationCounts.clockSkewMs}. */
  get clockSkewMs(): number | undefined {
    return this.#skewsMs.length === 0 ? undefined : Math.min(...this.#skewsMs);
  }

  /** @param timestamp the signed Unix time in whole seconds: half a second is the best guess beyond */
  countAccepted(timestamp: number, nowMs: number): void {
    this.#skewsMs[this.#accepted % SAMPLES] = nowMs - timestamp * 1000 - 500;
    this.#accepted += 1;
  }

  /** @returns whether a clock may be wrong and it is time to say so */
  countRefused(error: unknown, nowMs: number): boolean {
    if (error instanceof WechatPaySignatureError && error.isProbe) {
      this.#probes += 1;
      return false;
    }
    const code = error instanceof WechatPayError ? error.code : 'UNKNOWN';
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    if (code !== 'SIGNATURE_EXPIRED' || nowMs - this.#toldAtMs < TELL_AGAIN_MS) return false;
    this.#toldAtMs = nowMs;
    return true;
  }
}
