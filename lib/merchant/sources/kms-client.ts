import type { WechatPayCertificateError } from '../../errors/index.js';
import { kindOf, unavailable, within } from './bounds.js';

const TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 60_000;

/** What an operator does about an answer of AWS KMS, by its name. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['AccessDeniedException', 'allow this process the action in the key policy or its IAM role'],
  ['NotFoundException', 'check the key id and the region of the client'],
  ['DisabledException', 'enable the key'],
  ['KMSInvalidStateException', 'check the state of the key: enabled, not pending deletion'],
  ['InvalidCiphertextException', 'encrypt it again, with this key and encryption context'],
  ['IncorrectKeyException', 'give the id of the key that it was encrypted with'],
  ['InvalidKeyUsageException', 'use a key made for this: ENCRYPT_DECRYPT, or SIGN_VERIFY with RSA'],
  ['CredentialsProviderError', 'give the client credentials'],
  ['ExpiredTokenException', 'renew the credentials of the client'],
  ['UnrecognizedClientException', 'check the credentials of the client'],
  ['ThrottlingException', 'it is tried again'],
]);

/**
 * Calls a KMS within the caller's time and a bound of our own.
 *
 * @param action as the KMS calls it, for messages
 * @param discard gets what arrives too late
 * @throws {WechatPayCertificateError} with name and remedy of a failure, never with its message
 */
export async function callKms<T>(
  action: 'Decrypt' | 'Sign',
  signal: AbortSignal,
  timeoutMs: number | undefined,
  call: (signal: AbortSignal) => Promise<T>,
  discard?: (late: T) => void,
): Promise<T> {
  const bound = boundOf(action, timeoutMs);
  try {
    return await within(signal, bound, call, discard);
  } catch (error) {
    if (signal.aborted || error === bound.late) throw error;
    const kind = kindOf(error);
    const [name = kind] = kind.split(' ');
    const remedy = REMEDIES.get(name) ?? 'check the client, its region and its network';
    throw unavailable(`KMS ${action} failed (${kind}): ${remedy}`);
  }
}

function boundOf(
  action: string,
  timeoutMs: number | undefined,
): { timeoutMs: number; error: () => Error; late: WechatPayCertificateError } {
  const limit = Math.min(Math.max(timeoutMs ?? TIMEOUT_MS, 1), MAX_TIMEOUT_MS) || TIMEOUT_MS;
  const late = unavailable(
    `KMS ${action} took longer than ${limit} ms: check the client's region and network`,
  );
  return { timeoutMs: limit, error: () => late, late };
}
