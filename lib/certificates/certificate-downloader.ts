import { WechatPayApiError, WechatPayCertificateError } from '../errors/index.js';
import { requestIdOf, type RawAnswer } from '../transport/index.js';

/** Sends a signed request and hands back the answer as it came, unverified. */
export type SignedFetch = (
  method: 'GET',
  target: string,
  options: { signal: AbortSignal; wechatpaySerial: string | undefined },
) => Promise<RawAnswer>;

const TARGET = '/v3/certificates';

/**
 * Asks the platform for its certificates. A merchant without any is a normal state where a WeChat Pay
 * public key is configured (protocol section 3).
 *
 * @param options `publicKeyId`: named in the request while one is configured; `mayHaveNone`: whether
 * something else verifies
 * @returns the answer as it came, unverified; `undefined` for a merchant that has no certificates
 * @throws {WechatPayApiError} for every other answer
 * @throws {WechatPayCertificateError} `CERTIFICATES_UNAVAILABLE` when there are none and must be
 */
export async function downloadCertificateList(
  fetch: SignedFetch,
  options: {
    readonly signal: AbortSignal;
    readonly publicKeyId: string | undefined;
    readonly mayHaveNone: boolean;
  },
): Promise<RawAnswer | undefined> {
  const { signal, publicKeyId, mayHaveNone } = options;
  const answer = await fetch('GET', TARGET, { signal, wechatpaySerial: publicKeyId });
  const { status, body, headers } = answer;
  if (status === 200) return answer;
  const requestId = requestIdOf(headers);
  const error = new WechatPayApiError({ method: 'GET', target: TARGET, status, body, requestId });
  if (status !== 404 || error.platformCode !== 'RESOURCE_NOT_EXISTS') throw error;
  if (mayHaveNone) return undefined;
  throw new WechatPayCertificateError(
    'CERTIFICATES_UNAVAILABLE',
    'This merchant has no platform certificates (无可用的平台证书): configure platform.publicKey with the id and key from the merchant platform (账户中心 → API安全 → 微信支付公钥)',
    { cause: error },
  );
}
