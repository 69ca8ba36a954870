import { randomBytes } from 'node:crypto';
import { newSerial, randomText } from './identifiers.js';
import type { PlatformSigner } from './platform-keys.js';
import { answerMessage, signBytes } from './seal.js';

/** How a signature may be spoiled; other kinds leave it alone. @internal */
export interface SignatureFault {
  readonly kind: string;
  readonly serial?: string;
}

/** How far `stale-timestamp` goes back. */
const staleSeconds = 600;

/**
 * The `Wechatpay-*` headers of an answer or a notification.
 *
 * @see WeChat Pay APIv3 docs: 签名验证; 签名探测流量 for the `WECHATPAY/SIGNTEST/` prefix
 * @internal
 */
export function signatureHeaders(
  signer: PlatformSigner,
  body: Buffer,
  nowSeconds: number,
  fault?: SignatureFault,
): Record<string, string> {
  if (fault?.kind === 'unsigned') return {};
  const timestamp = String(nowSeconds - (fault?.kind === 'stale-timestamp' ? staleSeconds : 0));
  const nonce = randomText(32);
  const genuine = signBytes(signer.privateKey, answerMessage(timestamp, nonce, body));
  return {
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Serial': fault?.kind === 'wrong-serial' ? (fault.serial ?? newSerial()) : signer.id,
    'Wechatpay-Signature': spoil(genuine, fault?.kind),
    'Wechatpay-Signature-Type': 'WECHATPAY2-SHA256-RSA2048',
    'Wechatpay-Timestamp': timestamp,
  };
}

function spoil(signature: string, kind: string | undefined): string {
  if (kind === 'signtest') return `WECHATPAY/SIGNTEST/${randomBytes(240).toString('base64')}`;
  if (kind === 'bad-signature') return randomBytes(256).toString('base64');
  return signature;
}
