import { createHash } from 'node:crypto';
import { WechatPayConfigurationError } from '../../errors/index.js';
import type { Signer } from '../credential-source.js';
import { unavailable } from './bounds.js';
import { callKms } from './kms-client.js';

/** RSA-2048 to RSA-4096, what KMS has. */
const MIN_SIGNATURE_BYTES = 256;
const MAX_SIGNATURE_BYTES = 512;

/**
 * What is used of a client of AWS KMS; `new KMS({})` of `@aws-sdk/client-kms` fits.
 *
 * @publicApi
 */
export interface KmsSignClient {
  sign(
    input: {
      KeyId: string;
      Message: Uint8Array;
      MessageType: 'DIGEST';
      SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256';
    },
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ Signature?: Uint8Array | undefined }>;
}

/**
 * Signs with an RSA key of AWS KMS (`SIGN_VERIFY`, RSA_2048 or larger) that never leaves it. Messages
 * are hashed here and the digest is sent: KMS takes no message above 4,096 bytes. A signature costs a
 * round trip and a quota of KMS.
 *
 * @param options.keyId id, ARN or alias of the key
 * @param options.timeoutMs how long to wait for an answer, at most 60,000 ms; 5,000 by default
 * @returns a signer that rejects with a {@link WechatPayCertificateError} naming the remedy when KMS
 * denies, fails, answers something else or not in time
 * @throws {WechatPayConfigurationError} when client or key id are none
 *
 * @publicApi
 */
export function kmsSigner(options: {
  readonly client: KmsSignClient;
  readonly keyId: string;
  readonly timeoutMs?: number | undefined;
}): Signer {
  const { client, keyId, timeoutMs } = options;
  const problems: string[] = [];
  if (typeof client?.sign !== 'function') {
    problems.push(
      'kmsSigner needs a client with sign(input, options): new KMS({}) of @aws-sdk/client-kms',
    );
  }
  if (typeof keyId !== 'string' || !/^[A-Za-z0-9:/_-]{1,2048}$/.test(keyId)) {
    problems.push('kmsSigner needs keyId: the id, ARN or alias of a key');
  }
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return {
    sign: async (message, signal) => {
      const input = {
        KeyId: keyId,
        Message: createHash('sha256').update(message).digest(),
        MessageType: 'DIGEST',
        SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256',
      } as const;
      const answer: unknown = await callKms('Sign', signal, timeoutMs, (abortSignal) =>
        client.sign(input, { abortSignal }),
      );
      const { Signature: signature } = (answer ?? {}) as { readonly Signature?: unknown };
      if (
        signature instanceof Uint8Array &&
        signature.length >= MIN_SIGNATURE_BYTES &&
        signature.length <= MAX_SIGNATURE_BYTES
      ) {
        return signature;
      }
      throw unavailable(
        'KMS Sign answered no signature of 256 to 512 bytes: use an RSA key of at least 2048 bits',
      );
    },
  };
}
