import { createPrivateKey, type KeyObject } from 'node:crypto';
import { parsePrivateKey } from '../../crypto/index.js';

/**
 * Parses the bytes of a private key. PEM and DER (PKCS#8, PKCS#1) go to OpenSSL as they are, so that
 * no text of them comes to be, which could not be overwritten afterwards; other forms that
 * `parsePrivateKey` reads pass through a text.
 *
 * @throws {TypeError} as `parsePrivateKey`
 */
export function privateKeyOf(bytes: Buffer): KeyObject {
  return parsePrivateKey(withoutText(bytes) ?? bytes);
}

function withoutText(bytes: Buffer): KeyObject | undefined {
  const isDer = bytes[0] === 0x30;
  const inputs = isDer
    ? (['pkcs8', 'pkcs1'] as const).map((type) => ({ key: bytes, format: 'der' as const, type }))
    : [{ key: bytes, format: 'pem' as const }];
  for (const input of inputs) {
    try {
      return createPrivateKey(input);
    } catch {
      // the next form; parsePrivateKey says what is wrong when there is none
    }
  }
  return undefined;
}
