import { WechatPayConfigurationError } from '../../errors/index.js';
import type { CredentialField } from '../credential-source.js';
import { MAX_SOURCE_BYTES, unavailable } from './bounds.js';
import { isField, type CredentialInput } from './compose.js';
import { callKms } from './kms-client.js';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * What is used of a client of AWS KMS; `new KMS({})` of `@aws-sdk/client-kms` fits.
 *
 * @publicApi
 */
export interface KmsDecryptClient {
  decrypt(
    input: {
      CiphertextBlob: Uint8Array;
      KeyId?: string;
      EncryptionContext?: Record<string, string>;
    },
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ Plaintext?: Uint8Array | undefined }>;
}

/**
 * What to decrypt, and how.
 *
 * @publicApi
 */
export interface KmsFieldOptions {
  readonly client: KmsDecryptClient;
  /** The `CiphertextBlob`: Base64 text, bytes, or a field that delivers either. */
  readonly ciphertext: CredentialInput<string | Buffer | Uint8Array>;
  /** Refuse ciphertexts of another key. */
  readonly keyId?: string | undefined;
  /** As given when it was encrypted. */
  readonly encryptionContext?: Readonly<Record<string, string>> | undefined;
  /** How long to wait for an answer, at most 60,000 ms. @default 5000 */
  readonly timeoutMs?: number | undefined;
}

/**
 * A field that is kept encrypted and decrypted by a key management service at every load, so that it
 * is never at rest in the clear: AWS KMS `Decrypt`, with a client of yours.
 *
 * ```ts
 * fromKms({ client: new KMS({ region }), ciphertext: fromEnv('WECHATPAY_PRIVATE_KEY_KMS') })
 * ```
 *
 * The Buffer that is delivered is the memory of the client's own answer: overwriting it leaves no
 * plaintext behind. `credentialFrom` does so as soon as a private key is parsed. An APIv3 key has to
 * become a text, which stays until it is collected. Changes are those of `ciphertext`.
 *
 * Others fit by an adapter. Tencent Cloud KMS (密钥管理系统), whose ciphertexts and plaintexts are Base64:
 *
 * ```ts
 * const client: KmsDecryptClient = { decrypt: async ({ CiphertextBlob }) => {
 *   const { Plaintext } = await tencent.Decrypt({
 *     CiphertextBlob: Buffer.from(CiphertextBlob).toString('base64') });
 *   return { Plaintext: Buffer.from(Plaintext, 'base64') };
 * } };
 * ```
 *
 * Alibaba Cloud KMS (密钥管理服务) delivers as plaintext the text that was encrypted, so encrypt the PEM
 * itself. Its ciphertexts are texts that only look like Base64: keep them encoded once more,
 * `ciphertext: Buffer.from(theirs).toString('base64')`.
 *
 * ```ts
 * const client: KmsDecryptClient = { decrypt: async ({ CiphertextBlob }) => {
 *   const { body } = await alibaba.decrypt(new DecryptRequest({
 *     ciphertextBlob: Buffer.from(CiphertextBlob).toString('utf8') }));
 *   return { Plaintext: Buffer.from(body.plaintext, 'utf8') };
 * } };
 * ```
 *
 * The texts that pass through such clients cannot be overwritten.
 *
 * @returns a field whose `load` rejects with a {@link WechatPayCertificateError} that names the remedy
 * when the service denies, fails, answers something else or not in time; neither ciphertext nor
 * plaintext is in it
 * @throws {WechatPayConfigurationError} when client or ciphertext are none
 *
 * @publicApi
 */
export function fromKms(options: KmsFieldOptions): CredentialField<Buffer> {
  const { client, ciphertext, keyId, encryptionContext, timeoutMs } = options;
  if (typeof client?.decrypt !== 'function') {
    throw new WechatPayConfigurationError([
      'fromKms needs a client with decrypt(input, options): new KMS({}) of @aws-sdk/client-kms',
    ]);
  }
  const field = isField(ciphertext) ? ciphertext : undefined;
  const known = field ? undefined : decodeOrRefuse(ciphertext);
  const load = async (signal: AbortSignal): Promise<Buffer> => {
    signal.throwIfAborted();
    const input = {
      CiphertextBlob: known ?? decode(await field?.load(signal)),
      ...(keyId !== undefined && { KeyId: keyId }),
      ...(encryptionContext !== undefined && { EncryptionContext: { ...encryptionContext } }),
    };
    const answer = await callKms(
      'Decrypt',
      signal,
      timeoutMs,
      (abortSignal) => client.decrypt(input, { abortSignal }),
      (late) => bytesOf(late)?.fill(0),
    );
    const plaintext = bytesOf(answer);
    if (plaintext && plaintext.length > 0 && plaintext.length <= MAX_SOURCE_BYTES) return plaintext;
    plaintext?.fill(0);
    throw unavailable(
      'KMS Decrypt answered no Plaintext of up to 64 KiB: check that the client is one of AWS KMS or adapted to it',
    );
  };
  return { load, changes: field?.changes };
}

/** The client's own memory, not a copy. */
function bytesOf(answer: unknown): Buffer | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { Plaintext: bytes } = answer as { readonly Plaintext?: unknown };
  if (!(bytes instanceof Uint8Array)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeOrRefuse(ciphertext: unknown): Uint8Array {
  try {
    return decode(ciphertext);
  } catch (error) {
    throw new WechatPayConfigurationError([`fromKms: ${(error as Error).message}`]);
  }
}

/** Files and variables hold Base64, as `aws kms encrypt --query CiphertextBlob` prints it, or bytes. */
function decode(ciphertext: unknown): Uint8Array {
  const isText = typeof ciphertext === 'string';
  if (!isText && !(ciphertext instanceof Uint8Array)) {
    throw unavailable('the ciphertext is neither Base64 text nor bytes', false);
  }
  if (ciphertext.length === 0 || ciphertext.length > MAX_SOURCE_BYTES) {
    throw unavailable('the ciphertext is empty or longer than 64 KiB', false);
  }
  const text = isText ? ciphertext : Buffer.from(ciphertext).toString('latin1');
  const base64 = text.replace(/\s/g, '');
  if (BASE64.test(base64)) return Buffer.from(base64, 'base64');
  if (!isText) return ciphertext;
  throw unavailable('the ciphertext is not Base64: give the CiphertextBlob of the KMS', false);
}

/** Whether a text can be a ciphertext. */
export function isCiphertextText(text: string): boolean {
  return text.length <= MAX_SOURCE_BYTES && BASE64.test(text.replace(/\s/g, ''));
}
