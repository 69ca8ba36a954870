import type { SignedAnswer } from './certificate-list.js';

/**
 * Where the platform's certificate list is shared between processes and outlives them. It holds the
 * raw signed answer, which proves itself when read: a poisoned store cannot become a trust root.
 *
 * @publicApi
 */
export interface CertificateStore {
  /** The answer kept for this merchant, or `undefined` when there is none. */
  read(mchid: string): Promise<SignedAnswer | undefined>;
  /**
   * Keeps an answer unless one is held that was signed at the same time or later.
   *
   * @returns whether it was kept
   */
  writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean>;
}

/** When an answer was signed, in seconds; 0 when it does not say. The version of a store's entry. */
export function signedAtSeconds(answer: SignedAnswer): number {
  const timestamp = answer.headers['wechatpay-timestamp'];
  return typeof timestamp === 'string' && /^[0-9]{1,12}$/.test(timestamp) ? Number(timestamp) : 0;
}
