import { WechatPayTransportError } from '../../errors/index.js';
import type { Deadline } from '../deadline.js';

/** How long a call may wait for its turn, in milliseconds: a burst is refused early, not late. */
const QUEUE_MS = 1_000;

/** What a {@link Bulkhead} is bounded by. */
export interface BulkheadLimits {
  /** Calls at the same time. */
  readonly maxConcurrency: number;
  /** Calls that wait for their turn. */
  readonly maxQueue: number;
}

/**
 * Bounds how many calls run at the same time and how many wait: of one merchant, so that it takes
 * nothing from the others, and of the process.
 *
 * @internal
 */
export class Bulkhead {
  #limits: BulkheadLimits;
  readonly #name: string;
  readonly #waiting = new Set<() => void>();
  /** How many may run now: fewer after the platform said that it is too many (429). */
  #limit: number;
  #running = 0;
  #slowedAtMs = Number.NEGATIVE_INFINITY;

  /** @param name whose it is, for the error that refuses a call */
  constructor(name: string, limits: BulkheadLimits) {
    this.#name = name;
    this.#limits = limits;
    this.#limit = limits.maxConcurrency;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many may run now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Changes how many may run. */
  resize(maxConcurrency: number): void {
    this.#limits = { ...this.#limits, maxConcurrency };
    this.#limit = maxConcurrency;
    this.#admit();
  }

  /** Takes a place if there is one; most calls wait for nothing. */
  tryEnter(): boolean {
    if (this.#running >= this.limit || this.#waiting.size > 0) return false;
    this.#running += 1;
    return true;
  }

  /**
   * Waits for a place.
   *
   * @throws {WechatPayTransportError} `OVERLOADED` when too many wait or it takes too long, and why the
   * call ended
   */
  enter(deadline: Deadline): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.#waiting.size >= this.#limits.maxQueue) return reject(this.#refusal());
      const leaveQueue = (): void => {
        this.#waiting.delete(begin);
        forgetEnd();
        forgetTime();
      };
      const begin = (): void => {
        leaveQueue();
        this.#running += 1;
        resolve();
      };
      this.#waiting.add(begin);
      const forgetEnd = deadline.onEnd((reason) => {
        this.#waiting.delete(begin);
        reject(reason);
      });
      const forgetTime = deadline.after(QUEUE_MS, () => {
        leaveQueue();
        reject(this.#refusal());
      });
    });
  }

  /** Gives a place back. */
  leave(): void {
    this.#running -= 1;
    this.#admit();
  }

  /** The platform said that it is too many: half of them, at most once in a second. */
  slowDown(nowMs: number = performance.now()): void {
    if (nowMs - this.#slowedAtMs < 1_000) return;
    this.#slowedAtMs = nowMs;
    this.#limit = Math.max(1, Math.min(this.#limit, this.#running) / 2);
  }

  /** A call went well: as many again as can run at the same time make room for one more. */
  speedUp(): void {
    const { maxConcurrency } = this.#limits;
    if (this.#limit < maxConcurrency) {
      this.#limit = Math.min(maxConcurrency, this.#limit + 1 / this.#limit);
    }
  }

  #admit(): void {
    for (const begin of this.#waiting) {
      if (this.#running >= this.limit) return;
      begin();
    }
  }

  #refusal(): WechatPayTransportError {
    return new WechatPayTransportError(
      'OVERLOADED',
      `Too many calls at the same time ${this.#name} (${this.#running} run, ${this.#waiting.size} wait), so this one was not sent: spread them, or raise http.maxConcurrency`,
      { isRetryable: true, retryAfterMs: QUEUE_MS },
    );
  }
}
