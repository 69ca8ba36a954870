import { createPublicKey, randomBytes } from 'node:crypto';
import { signSha256, verifySha256 } from '../crypto/index.js';
import { WechatPayCertificateError, WechatPayError } from '../errors/index.js';
import { Deadline, type Limit } from '../transport/index.js';
import type { MerchantCredential } from './credential.js';
import type { Signer } from './credential-source.js';

const MIN_SIGNATURE_BYTES = 256;
/** For signatures that no call waits for, such as those of invocation parameters. */
const SIGNER_TIMEOUT_MS = 10_000;

/**
 * Signs for a merchant, with the private key or with the remote signer in its place.
 *
 * @param limit how long a remote signer is waited for; ten seconds without one
 * @returns Base64 text without line breaks
 * @throws {WechatPayCertificateError} `CREDENTIAL_UNAVAILABLE` when the remote signer fails
 * @throws {WechatPayTransportError} `TIMEOUT` or `ABORTED` when it takes too long
 */
export async function signWith(
  credential: MerchantCredential,
  message: Buffer,
  limit?: Limit,
): Promise<string> {
  const { privateKey, signer } = credential;
  if (privateKey) return signSha256(message, privateKey);
  if (limit) return signRemotely(signer, message, limit);
  const own = new Deadline(SIGNER_TIMEOUT_MS);
  try {
    return await signRemotely(signer, message, own);
  } finally {
    own.dispose();
  }
}

async function signRemotely(
  signer: Signer | undefined,
  message: Buffer,
  limit: Limit,
): Promise<string> {
  try {
    const signature: unknown = await limit.race(remote(signer, message, limit.signal));
    if (signature instanceof Uint8Array && signature.length >= MIN_SIGNATURE_BYTES) {
      return Buffer.from(signature).toString('base64');
    }
  } catch (cause) {
    if (cause instanceof WechatPayError) throw cause;
    throw signerFailed('failed: see the cause', cause);
  }
  throw signerFailed(`returned no signature of at least ${MIN_SIGNATURE_BYTES} bytes`);
}

/** A signer may throw where it should reject. */
async function remote(
  signer: Signer | undefined,
  message: Buffer,
  signal: AbortSignal,
): Promise<unknown> {
  return signer?.sign(message, signal);
}

/**
 * Whether the remote signer holds the key of this certificate: the one way to find out is to let
 * it sign something.
 *
 * @param certificate PEM
 * @throws as {@link signWith}
 */
export async function isSignerOf(
  credential: MerchantCredential,
  certificate: string,
): Promise<boolean> {
  // two line breaks keep it from being the message of any request
  const challenge = Buffer.from(`nestjs-wechatpay\n${randomBytes(16).toString('hex')}\n`);
  return verifySha256(
    challenge,
    await signWith(credential, challenge),
    createPublicKey(certificate),
  );
}

function signerFailed(what: string, cause?: unknown): WechatPayCertificateError {
  return new WechatPayCertificateError(
    'CREDENTIAL_UNAVAILABLE',
    `The remote signer (credential.signer) ${what}`,
    { cause, isRetryable: true },
  );
}
