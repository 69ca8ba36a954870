import type { KeyObject } from 'node:crypto';
import { WechatPayCertificateError } from '../../errors/index.js';
import { fromFile, fromValue, mergeChanges, type CredentialField } from '../../merchant/index.js';
import { RefusedP12 } from './pbe.js';
import { openPkcs12, type KeyAndCertificate } from './pkcs12.js';

const MAX_BYTES = 1024 * 1024;

/**
 * What an `apiclient_cert.p12` delivers, ready to be spread into `credentialFrom`.
 *
 * @publicApi
 */
export interface P12Fields {
  readonly privateKey: CredentialField<KeyObject>;
  /** PEM. */
  readonly certificate: CredentialField<string>;
}

/**
 * Private key and certificate from one PKCS#12 file, such as `apiclient_cert.p12` of the merchant
 * platform (商户平台), old RC2 and 3DES ones included:
 *
 * ```ts
 * import { credentialFrom, fromEnv } from 'nestjs-wechatpay';
 * import { fromP12 } from 'nestjs-wechatpay/p12'; // npm install node-forge
 *
 * credential: credentialFrom({
 *   ...fromP12('/etc/wechatpay/apiclient_cert.p12', '1900000001'),
 *   apiV3Key: fromEnv('API_V3_KEY'),
 * })
 * ```
 *
 * A file is watched as by `fromFile`, and read once for both fields of one load. Of several
 * certificates the one of the private key is taken. Opening it takes some milliseconds and never holds
 * the event loop for longer, however many iterations the file asks for; more than 100,000 are refused.
 *
 * @param file path of the file, its bytes, or a field that delivers them; 1 MiB at most
 * @param password as text or as a field; the mchid (商户号) by default of the platform. The line break
 * at the end of a field's text is dropped
 * @returns fields whose `load` rejects with a {@link WechatPayCertificateError} naming the remedy:
 * wrong password, no key or several, no certificate of it or several, damaged, not supported
 *
 * @publicApi
 */
export function fromP12(
  file: string | Uint8Array | CredentialField<string | Buffer>,
  password: string | CredentialField<string | Buffer>,
): P12Fields {
  const content = fieldOf(file);
  const secret = typeof password === 'string' ? fromValue(password) : password;
  const opened = new WeakMap<AbortSignal, Promise<KeyAndCertificate>>();
  const open = async (signal: AbortSignal): Promise<KeyAndCertificate> => {
    // both fields of one load have one signal
    const opening = opened.get(signal) ?? openOnce(content, secret, signal);
    opened.set(signal, opening);
    try {
      return await opening;
    } finally {
      opened.delete(signal);
    }
  };
  const changes = mergeChanges([content.changes, secret.changes]);
  return {
    privateKey: { load: async (signal) => (await open(signal)).privateKey, changes },
    certificate: { load: async (signal) => (await open(signal)).certificate, changes },
  };
}

function fieldOf(
  file: string | Uint8Array | CredentialField<string | Buffer>,
): CredentialField<string | Uint8Array> {
  if (typeof file === 'string') return fromFile(file, { maxBytes: MAX_BYTES });
  return file instanceof Uint8Array ? fromValue(file) : file;
}

async function openOnce(
  content: CredentialField<string | Uint8Array>,
  secret: CredentialField<string | Buffer>,
  signal: AbortSignal,
): Promise<KeyAndCertificate> {
  const [loaded, password] = await Promise.all([content.load(signal), secret.load(signal)]);
  if (!(loaded instanceof Uint8Array)) {
    throw refused('is a text: give the bytes of apiclient_cert.p12');
  }
  if (loaded.length > MAX_BYTES) throw refused('is larger than 1 MiB');
  const text = password.toString('utf8').replace(/\r?\n$/, '');
  if (typeof password !== 'string') password.fill(0);
  try {
    return await openPkcs12(Buffer.from(loaded), text);
  } catch (error) {
    throw refused(error instanceof RefusedP12 ? error.message : 'cannot be read');
  }
}

function refused(reason: string): WechatPayCertificateError {
  return new WechatPayCertificateError(
    'CREDENTIAL_UNAVAILABLE',
    `the PKCS#12 file (apiclient_cert.p12) ${reason}`,
    { isRetryable: true },
  );
}
