import { createNonce, requestMessage } from '../crypto/index.js';
import { signWith, type MerchantCredential } from '../merchant/index.js';
import type { Limit } from '../transport/index.js';

/** A request ready for the wire: the body is the very part of the bytes that were signed. */
export interface SignedRequest {
  readonly authorization: string;
  readonly body: Buffer | undefined;
}

/**
 * Signs a request for the merchant.
 *
 * @param target path and query as they will stand in the request line; ASCII
 * @param json the serialised body, empty for none
 * @throws as `signWith`
 * @see Source: 微信支付 接口规则/签名生成
 */
export async function signRequest(
  credential: MerchantCredential,
  method: string,
  target: string,
  json: string,
  nowMs: number,
  limit: Limit,
): Promise<SignedRequest> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const nonce = createNonce();
  const message = Buffer.from(requestMessage(method, target, timestamp, nonce, json), 'utf8');
  const signature = await signWith(credential, message, limit);
  // four lines before the body, each with its LF
  const bodyAt = method.length + target.length + timestamp.length + nonce.length + 4;
  return {
    authorization:
      `WECHATPAY2-SHA256-RSA2048 mchid="${credential.mchid}",nonce_str="${nonce}",` +
      `timestamp="${timestamp}",serial_no="${credential.serialNo}",signature="${signature}"`,
    body: json === '' ? undefined : message.subarray(bodyAt, message.length - 1),
  };
}
