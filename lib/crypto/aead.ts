import { createDecipheriv, type KeyObject } from 'node:crypto';
import { WechatPayDecryptionError } from '../errors/index.js';

/** Only this algorithm opens here; the SM variant (`AEAD_SM4_GCM`) is not supported. */
export const AEAD_ALGORITHM = 'AEAD_AES_256_GCM';
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** A ciphertext as the platform sends it in notifications and certificate lists. */
export interface AeadBox {
  /** Base64 of ciphertext followed by the 16-byte tag. */
  readonly ciphertext: string;
  /** 12 characters, used as UTF-8 bytes. */
  readonly nonce: string;
  /** UTF-8 text; empty or absent means zero bytes. */
  readonly associatedData?: string | undefined;
}

/**
 * Opens AES-256-GCM with the whole 16-byte tag checked before a byte is handed out.
 *
 * @param keys APIv3 keys, the current one first, then predecessors; each 32 bytes
 * @returns the plaintext and which key opened it (0 is the current one)
 * @throws {WechatPayDecryptionError} when no key opens it, or it is malformed
 * @see Source: RFC 5116 section 5.2; 微信支付 证书和回调报文解密
 */
export function openAead(
  box: AeadBox,
  keys: readonly KeyObject[],
): { plaintext: Buffer; keyIndex: number } {
  const bytes = Buffer.from(box.ciphertext, 'base64');
  const nonce = Buffer.from(box.nonce, 'utf8');
  if (bytes.length < TAG_BYTES || nonce.length !== NONCE_BYTES) {
    throw new WechatPayDecryptionError(
      'The ciphertext is malformed: a 12-byte nonce and a 16-byte tag are expected',
    );
  }
  const associatedData = Buffer.from(box.associatedData ?? '', 'utf8');
  for (const [keyIndex, key] of keys.entries()) {
    const plaintext = tryOpen(bytes, nonce, associatedData, key);
    if (plaintext) return { plaintext, keyIndex };
  }
  throw new WechatPayDecryptionError(
    'The ciphertext does not open with the APIv3 key (APIv3密钥): set apiV3Key to the one in the merchant platform (账户中心 → API安全)',
  );
}

function tryOpen(
  bytes: Buffer,
  nonce: Buffer,
  associatedData: Buffer,
  key: KeyObject,
): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  if (associatedData.length > 0) decipher.setAAD(associatedData);
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES));
  try {
    decipher.final(); // the tag is checked here, and nowhere else
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}
