import { WechatPayError, WechatPayStoreError } from '../errors/index.js';

/** Calls of one store under way at the same time; a server that hangs gets no more. */
const MAX_CALLS = 128;
/** How long a store waits for its server, in milliseconds. */
const TIMEOUT_MS = 2_000;
export const LONGEST_LEASE_MS = 24 * 3_600_000;

/**
 * Bounds the calls of one store: each by time, all of them by number. A call that is given up on still
 * counts until its client settles it, so that a frozen server gathers no heap of pending work.
 */
export class BoundedCalls {
  readonly #server: string;
  readonly #max: number;
  #underWay = 0;

  /** @param server what to name in errors, as `Redis` */
  constructor(server: string, max: number = MAX_CALLS) {
    this.#server = server;
    this.#max = max;
  }

  /** Calls that their client has not settled. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Calls at once.
   *
   * @throws {WechatPayStoreError} when it fails, takes too long, or too many are under way
   */
  async run<T>(call: () => Promise<T>, timeoutMs: number = TIMEOUT_MS): Promise<T> {
    if (this.#underWay >= this.#max) {
      throw new WechatPayStoreError(
        `${this.#server} left ${this.#max} calls unanswered: check the server and the network`,
        { isRetryable: true },
      );
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#late(timeoutMs)), timeoutMs);
      timer.unref();
    });
    try {
      return await Promise.race([this.#counted(call), late]);
    } catch (cause) {
      if (cause instanceof WechatPayError) throw cause;
      throw new WechatPayStoreError(
        `${this.#server} failed: check the server, the connection and its permissions`,
        { cause, isRetryable: true },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async #counted<T>(call: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await call();
    } finally {
      this.#underWay -= 1;
    }
  }

  #late(timeoutMs: number): WechatPayStoreError {
    return new WechatPayStoreError(
      `${this.#server} took longer than ${timeoutMs} ms: check the server and the network`,
      { isRetryable: true },
    );
  }
}

/** @throws {WechatPayStoreError} unless it is a merchant number, which is safe in a path and in a key */
export function assertMchid(mchid: string): void {
  if (isMchid(mchid)) return;
  throw new WechatPayStoreError('An mchid (商户号) is a number of 1 to 32 digits');
}

/** Whether a text, perhaps of a store, is a merchant number. */
export function isMchid(mchid: unknown): mchid is string {
  return typeof mchid === 'string' && /^[0-9]{1,32}$/.test(mchid);
}

/**
 * The time of a lease, within what the store can do.
 *
 * @returns milliseconds, at most a day
 * @throws {WechatPayStoreError} when the key or the time is none
 */
export function leaseMs(key: string, ttlMs: number, shortestMs: number = 1): number {
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new WechatPayStoreError('A lease key is printable ASCII without spaces, 1 to 128 long');
  }
  if (!(ttlMs > 0)) throw new WechatPayStoreError('A lease lasts more than 0 ms');
  return Math.round(Math.min(Math.max(ttlMs, shortestMs), LONGEST_LEASE_MS));
}

/**
 * The first part of every key of a store.
 *
 * @throws {WechatPayStoreError} unless it is 1 to 64 letters, digits and `. _ - : /`
 */
export function keyPrefix(prefix: string = 'wechatpay'): string {
  if (typeof prefix === 'string' && /^[A-Za-z0-9][\w.:/-]{0,63}$/.test(prefix)) return prefix;
  throw new WechatPayStoreError(
    'The prefix of a store is 1 to 64 letters, digits and . _ - : / and begins with a letter or a digit',
  );
}
