import { constants, privateDecrypt, publicEncrypt, type KeyObject } from 'node:crypto';
import { WechatPayDecryptionError } from '../errors/index.js';

// SHA-1 is what the platform's guide and all its SDKs use; inside OAEP it is not a weakness.
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' } as const;
const OAEP_OVERHEAD_BYTES = 42;

/**
 * Encrypts one sensitive field for the platform: RSAES-OAEP with SHA-1.
 *
 * @param text UTF-8, at most 214 bytes with RSA-2048
 * @returns Base64 text
 * @throws {RangeError} when the text is longer than the key can hold
 * @see Source: 微信支付 敏感信息加解密
 */
export function encryptOaep(text: string, key: KeyObject): string {
  const bytes = Buffer.from(text, 'utf8');
  const limit = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 - OAEP_OVERHEAD_BYTES;
  if (bytes.length > limit) {
    throw new RangeError(`is ${bytes.length} bytes long, at most ${limit} can be encrypted`);
  }
  return publicEncrypt({ key, ...OAEP }, bytes).toString('base64');
}

/** What {@link decryptOaep} opened. */
export interface OpenedField {
  readonly text: string;
  /** Which of the keys opened it. */
  readonly keyIndex: number;
}

/**
 * Opens one field that the platform encrypted for the merchant certificate.
 *
 * @param ciphertext Base64 text
 * @param keys the key in force first, then predecessors
 * @throws {WechatPayDecryptionError} when it was encrypted for another key or is damaged
 */
export function decryptOaep(ciphertext: string, keys: readonly KeyObject[]): OpenedField {
  const bytes = Buffer.from(ciphertext, 'base64');
  for (const [keyIndex, key] of keys.entries()) {
    try {
      return { text: privateDecrypt({ key, ...OAEP }, bytes).toString('utf8'), keyIndex };
    } catch {
      // the next one may open it
    }
  }
  throw new WechatPayDecryptionError(
    keys.length === 0
      ? 'A field of the answer is encrypted for the merchant certificate, whose private key a remote signer holds: it cannot be read here'
      : 'A field of the answer does not open with the merchant private key (商户API私钥) that signed the request',
  );
}
