import type { Observable } from 'rxjs';
import { WechatPayError, WechatPayStoreError } from '../errors/index.js';
import type { SignedAnswer } from './certificate-list.js';

/**
 * Where the platform's certificate list is shared between processes and outlives them. It holds the
 * raw signed answer, which proves itself when read: a poisoned store cannot become a trust root.
 *
 * Every method may fail or hang: callers put their own deadline on each call, and go on from memory.
 *
 * @publicApi
 */
export interface CertificateStore {
  /** The answer kept for this merchant, or `undefined` when there is none. */
  read(mchid: string): Promise<SignedAnswer | undefined>;
  /**
   * Keeps an answer unless one is held that was signed at the same time or later: compare-and-set
   * on the signed time.
   *
   * @returns whether it was kept
   */
  writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean>;
  /**
   * The mchid of every entry that this or another process has written, as it happens; one watch for
   * all merchants. Cold: the watch starts with the subscription and ends with it. A watch that breaks
   * errors, and is subscribed to again; what it missed is read then.
   */
  changes(): Observable<string>;
  /**
   * Takes a lease that nobody else gets until it ends by itself. Best effort: it only saves traffic,
   * and nothing may depend on it.
   *
   * @param key printable ASCII without spaces, at most 128 characters
   * @param ttlMs how long it lasts; a store with a longest or shortest time uses the nearest
   * @returns whether it was taken
   */
  tryLease(key: string, ttlMs: number): Promise<boolean>;
}

/**
 * When an answer was signed, in seconds: the version of a store's entry. 0 when it does not say, or
 * names a time more than five minutes ahead, which no genuine answer can: anything replaces it.
 */
export function signedAtSeconds(answer: SignedAnswer, nowMs: number = Date.now()): number {
  const timestamp = answer.headers['wechatpay-timestamp'];
  if (typeof timestamp !== 'string' || !/^[0-9]{1,12}$/.test(timestamp)) return 0;
  const seconds = Number(timestamp);
  return seconds > nowMs / 1000 + 300 ? 0 : seconds;
}

const TIMEOUT_MS = 2_000;

/**
 * Calls a store within a bound of our own: what a store does when its server is frozen is not ours
 * to know.
 *
 * @throws {WechatPayStoreError} when it fails or takes longer than two seconds
 */
export async function withinStoreTime<T>(call: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WechatPayStoreError(`The store took longer than ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
    timer.unref();
  });
  try {
    return await Promise.race([call(), late]);
  } catch (cause) {
    if (cause instanceof WechatPayError) throw cause;
    throw new WechatPayStoreError('The certificate store failed: see the cause', { cause });
  } finally {
    clearTimeout(timer);
  }
}
