import { normaliseSerial } from '../crypto/index.js';

/**
 * Who named a serial number that is not known: an answer came over TLS to a call of our own, a
 * notification from anybody.
 */
export type KeyAsker = 'answer' | 'notification';

/** One merchant: at most one download a minute because of an unknown serial number. */
const MERCHANT_GAP_MS = 60_000;
/** All merchants of a process together, in each window of a minute. */
const TOTAL_PER_MINUTE = 60;
/** After a rotation the next answer of every merchant needs one. */
const ANSWERS_PER_MINUTE = 600;
/** Reads of a store cost little, and a process that has just started needs one for each merchant. */
const READS_PER_MINUTE = 6_000;
/** Serial numbers that one merchant looks for in the store in a minute. */
const SERIALS_PER_MINUTE = 16;

/**
 * Bounds what strangers can cost: serial numbers in notifications are theirs to choose, so reads of
 * the store and downloads because of unknown ones are limited per merchant and in total. What answers
 * need is counted apart: no stranger can use it up.
 *
 * @internal
 */
export class OnDemandGate {
  readonly #clock: () => number;
  readonly #downloads: Readonly<Record<KeyAsker, Window>>;
  readonly #reads: Readonly<Record<KeyAsker, Window>>;

  /**
   * @param clock milliseconds; shared by all merchants of a process
   * @param totalPerMinute because of strangers, for all of them together. Default 60
   */
  constructor(clock: () => number = Date.now, totalPerMinute: number = TOTAL_PER_MINUTE) {
    this.#clock = clock;
    this.#downloads = {
      notification: new Window(totalPerMinute),
      answer: new Window(ANSWERS_PER_MINUTE),
    };
    this.#reads = {
      notification: new Window(READS_PER_MINUTE),
      answer: new Window(READS_PER_MINUTE),
    };
  }

  /**
   * Asks for one download.
   *
   * @param lastAtMs when this merchant last got one for the same asker
   * @returns the time to remember as the new `lastAtMs`, or `undefined` when refused
   */
  tryEnter(lastAtMs: number | undefined, from: KeyAsker = 'notification'): number | undefined {
    const now = this.#clock();
    if (lastAtMs !== undefined && Math.abs(now - lastAtMs) < MERCHANT_GAP_MS) return undefined;
    return this.#downloads[from].tryEnter(now) ? now : undefined;
  }

  /**
   * Asks for one read of the store.
   *
   * @param askedAtMs when this merchant last read because of each serial number; kept up to date
   */
  tryRead(askedAtMs: Map<string, number>, serial: string, from: KeyAsker): boolean {
    const now = this.#clock();
    for (const [asked, atMs] of askedAtMs) {
      if (Math.abs(now - atMs) >= MERCHANT_GAP_MS) askedAtMs.delete(asked);
    }
    const name = normaliseSerial(serial);
    if (askedAtMs.has(name) || askedAtMs.size >= SERIALS_PER_MINUTE) return false;
    if (!this.#reads[from].tryEnter(now)) return false;
    askedAtMs.set(name, now);
    return true;
  }
}

/** So many in each minute. */
class Window {
  readonly #limit: number;
  #startMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  tryEnter(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#startMs) >= MERCHANT_GAP_MS) {
      this.#startMs = nowMs;
      this.#count = 0;
    }
    if (this.#count >= this.#limit) return false;
    this.#count += 1;
    return true;
  }
}

/** What unknown serial numbers may still cost one merchant, for one kind of asker. */
export class OnDemandAllowance {
  readonly #gate: OnDemandGate;
  readonly #from: KeyAsker;
  readonly #readAtMs = new Map<string, number>();
  #downloadAtMs: number | undefined;

  constructor(gate: OnDemandGate, from: KeyAsker) {
    this.#gate = gate;
    this.#from = from;
  }

  /** Whether the store may be read now, because of this serial number. */
  tryRead(serial: string): boolean {
    return this.#gate.tryRead(this.#readAtMs, serial, this.#from);
  }

  /** Whether a list may be downloaded now. */
  tryDownload(): boolean {
    const entered = this.#gate.tryEnter(this.#downloadAtMs, this.#from);
    if (entered === undefined) return false;
    this.#downloadAtMs = entered;
    return true;
  }
}
