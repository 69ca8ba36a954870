/** One merchant: at most one download a minute because of an unknown serial number. */
const MERCHANT_GAP_MS = 60_000;
/** All merchants of a process together, in each window of a minute. */
const TOTAL_PER_MINUTE = 60;

/**
 * Bounds what strangers can cost: serial numbers in notifications are theirs to choose, so downloads
 * because of unknown ones are limited per merchant and in total.
 *
 * @internal
 */
export class OnDemandGate {
  readonly #clock: () => number;
  readonly #totalPerMinute: number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  /**
   * @param clock milliseconds; shared by all merchants of a process
   * @param totalPerMinute for all of them together. Default 60
   */
  constructor(clock: () => number = Date.now, totalPerMinute: number = TOTAL_PER_MINUTE) {
    this.#clock = clock;
    this.#totalPerMinute = totalPerMinute;
  }

  /**
   * Asks for one download.
   *
   * @param lastAtMs when this merchant last got one
   * @returns the time to remember as the new `lastAtMs`, or `undefined` when refused
   */
  tryEnter(lastAtMs: number | undefined): number | undefined {
    const now = this.#clock();
    if (lastAtMs !== undefined && Math.abs(now - lastAtMs) < MERCHANT_GAP_MS) return undefined;
    if (Math.abs(now - this.#windowStartMs) >= MERCHANT_GAP_MS) {
      this.#windowStartMs = now;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= this.#totalPerMinute) return undefined;
    this.#inWindow += 1;
    return now;
  }
}
