import { verify, type KeyObject } from 'node:crypto';

/**
 * Whether `signature` is a valid RSASSA-PKCS1-v1_5 SHA-256 signature of `message`.
 *
 * Synchronous on purpose: verifying costs less than a hop to another thread (measured: 0.03 ms).
 * Never throws for what a stranger can send: text that is not strict Base64, or of another length
 * than the key's, is simply not a signature. (Encoding the bytes again tells strict Base64 from what
 * Node merely tolerates, at a fraction of what a pattern costs.)
 *
 * @param signature Base64 text as received
 * @param key RSA public key
 */
export function verifySha256(message: Buffer, signature: string, key: KeyObject): boolean {
  const modulusBytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (signature.length !== Math.ceil(modulusBytes / 3) * 4) return false;
  const bytes = Buffer.from(signature, 'base64');
  if (bytes.length !== modulusBytes || bytes.toString('base64') !== signature) return false;
  return verify('RSA-SHA256', message, key, bytes);
}
