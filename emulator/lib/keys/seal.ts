import { constants, createCipheriv, privateDecrypt, sign, type KeyObject } from 'node:crypto';
import { randomText } from './identifiers.js';

/** An AEAD envelope as the platform writes it. @internal */
export interface Envelope {
  readonly algorithm: string;
  readonly nonce: string;
  readonly associated_data: string;
  /** Base64 of ciphertext followed by the 16-byte tag. */
  readonly ciphertext: string;
}

/**
 * AES-256-GCM over UTF-8 text with a fresh 12-character nonce.
 *
 * @see WeChat Pay APIv3 docs: 证书和回调报文解密
 * @internal
 */
export function seal(apiV3Key: string, plaintext: string, associatedData: string): Envelope {
  const nonce = randomText(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(nonce), {
    authTagLength: 16,
  });
  cipher.setAAD(Buffer.from(associatedData));
  const parts = [cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return {
    algorithm: 'AEAD_AES_256_GCM',
    nonce,
    associated_data: associatedData,
    ciphertext: Buffer.concat(parts).toString('base64'),
  };
}

/** RSASSA-PKCS1-v1_5 with SHA-256, base64. @internal */
export function signBytes(privateKey: KeyObject, message: Buffer): string {
  return sign('sha256', message, privateKey).toString('base64');
}

/**
 * The message that the platform signs in answers and notifications.
 *
 * @see WeChat Pay APIv3 docs: 签名验证
 * @internal
 */
export function answerMessage(timestamp: string, nonce: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, Buffer.from('\n')]);
}

/**
 * Opens a field that a merchant encrypted: RSAES-OAEP with SHA-1.
 *
 * @returns the text, or `undefined` when this key does not open it
 * @see WeChat Pay APIv3 docs: 敏感信息加解密
 * @internal
 */
export function openField(privateKey: KeyObject, ciphertext: string): string | undefined {
  if (!/^[0-9A-Za-z+/]+={0,2}$/.test(ciphertext)) return undefined;
  try {
    const bytes = Buffer.from(ciphertext, 'base64');
    const key = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
    const text = privateDecrypt(key, bytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    return undefined;
  }
}
