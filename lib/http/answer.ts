import { verifySigned, type CertificateProvider } from '../certificates/index.js';
import { decryptOaep } from '../crypto/index.js';
import { WechatPayApiError } from '../errors/index.js';
import type { MerchantCredential } from '../merchant/index.js';
import { parseRetryAfter, requestIdOf, type Limit, type RawAnswer } from '../transport/index.js';
import { mapFields } from './fields.js';
import type { WechatPayAnswer } from './http.interface.js';
import { parseJson } from './json.js';

/** What an answer is judged with. */
export interface AnswerContext {
  readonly method: string;
  readonly target: string;
  /** Fields to decrypt. */
  readonly decrypted: readonly string[] | undefined;
  readonly credential: MerchantCredential;
  readonly certificates: CertificateProvider;
  readonly clock: () => number;
  readonly limit: Limit;
  /** Told the time that the platform has shown: Unix seconds, or an HTTP date. */
  readonly noteClock: (time: string) => void;
}

/**
 * Answer or error: nothing of a 2xx is parsed before its signature held.
 *
 * @throws {WechatPayApiError} for another status
 * @throws {WechatPaySignatureError} when the signature does not hold
 */
export async function acceptAnswer<T>(
  answer: RawAnswer,
  context: AnswerContext,
): Promise<WechatPayAnswer<T>> {
  const { status, headers, body } = answer;
  const { method, target, certificates, clock, limit, noteClock, decrypted, credential } = context;
  const requestId = requestIdOf(headers);
  if (status < 200 || status >= 300) {
    // A refusal because of the clock is not signed; its date says how far the clock is off.
    if (typeof headers['date'] === 'string') noteClock(headers['date']);
    const retryAfterMs = parseRetryAfter(headers['retry-after'], clock());
    throw new WechatPayApiError({ method, target, status, body, requestId, retryAfterMs });
  }
  const verifying = verifySigned(certificates, headers, body, clock(), {
    from: 'answer',
    wait: (key) => limit.race(key),
  });
  if (verifying) await verifying;
  noteClock(headers['wechatpay-timestamp'] as string);
  let data = body.length === 0 ? undefined : parseJson(body, requestId);
  if (decrypted && decrypted.length > 0) {
    const { privateKey, previousPrivateKeys } = credential;
    const keys = privateKey ? [privateKey, ...previousPrivateKeys] : previousPrivateKeys;
    const firstPrevious = keys.length - previousPrivateKeys.length;
    data = mapFields(data, decrypted, (ciphertext) => {
      const { text, keyIndex } = decryptOaep(ciphertext, keys);
      if (keyIndex >= firstPrevious) certificates.reportPreviousPrivateKey();
      return text;
    });
  }
  return { status, data: data as T, requestId, headers };
}
