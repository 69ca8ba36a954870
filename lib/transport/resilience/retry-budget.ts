/** Share of the traffic that may be repetition. */
const SHARE = 0.2;
/** Repetitions that a process may always make at once: a shop with few calls has them, too. */
const RESERVE = 10;
/** What comes back to the reserve in a second without traffic. */
const PER_SECOND = 0.2;

/**
 * Bounds how much of a process's traffic is repetition, so that a bad day of the platform is not
 * made worse by everybody asking twice.
 *
 * @internal
 */
export class RetryBudget {
  readonly #clock: () => number;
  #tokens = RESERVE;
  #filledAtMs: number;

  /** @param clock milliseconds that never go back */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#filledAtMs = clock();
  }

  /** Counts a call, which pays for a fifth of a repetition. */
  deposit(): void {
    if (this.#tokens < RESERVE) this.#tokens = Math.min(RESERVE, this.#tokens + SHARE);
  }

  /** Whether a repetition could be had now. */
  get hasOne(): boolean {
    this.#fill();
    return this.#tokens >= 1;
  }

  /** Takes a repetition, if there is one. */
  tryTake(): boolean {
    if (!this.hasOne) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const nowMs = this.#clock();
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) / 1_000) * PER_SECOND;
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(RESERVE, filled);
  }
}
