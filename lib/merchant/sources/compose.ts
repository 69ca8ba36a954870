import { KeyObject } from 'node:crypto';
import { auditTime } from 'rxjs';
import {
  checkMessageOf,
  WechatPayCertificateError,
  WechatPayConfigurationError,
} from '../../errors/index.js';
import type {
  CredentialField,
  CredentialMaterial,
  CredentialSource,
  Signer,
} from '../credential-source.js';
import { kindOf, MAX_SOURCE_BYTES, unavailable, within } from './bounds.js';
import { mergeChanges } from './changes.js';
import { privateKeyOf } from './private-key.js';
import { fromValue } from './value.js';

const CHANGES_WINDOW_MS = 200;

/**
 * A field of a credential, or its value.
 *
 * @publicApi
 */
export type CredentialInput<T = string | Buffer> = T | CredentialField<T>;

/**
 * Where each field of a credential comes from.
 *
 * @publicApi
 */
export interface CredentialFields {
  /** 商户API私钥, `apiclient_key.pem`. Give this or `signer`. */
  readonly privateKey?: CredentialInput<string | Buffer | KeyObject> | undefined;
  /** Signs in place of the private key, such as `kmsSigner`. */
  readonly signer?: Signer | undefined;
  /** 商户API证书, `apiclient_cert.pem`. Give this or `serialNo`, or both. */
  readonly certificate?: CredentialInput | undefined;
  /** 商户API证书序列号. */
  readonly serialNo?: CredentialInput | undefined;
  /** APIv3密钥: white space around it is dropped. */
  readonly apiV3Key: CredentialInput;
  /** APIv3 keys before that one, still good for decryption. */
  readonly previousApiV3Keys?: readonly CredentialInput[] | undefined;
}

type Loaded = string | Buffer | KeyObject;

interface NamedField {
  readonly label: string;
  readonly field: CredentialField<Loaded>;
}

const LABELS = {
  privateKey: 'credential.privateKey (商户API私钥)',
  certificate: 'credential.certificate (商户API证书)',
  serialNo: 'credential.serialNo (商户API证书序列号)',
  apiV3Key: 'credential.apiV3Key (APIv3密钥)',
} as const;

/**
 * Makes one whole credential of fields that come from different places:
 *
 * ```ts
 * credential: credentialFrom({
 *   privateKey: fromFile('/etc/wechatpay/apiclient_key.pem'),
 *   certificate: fromFile('/etc/wechatpay/apiclient_cert.pem'),
 *   apiV3Key: fromKms({ client: new KMS({}), ciphertext: fromEnv('API_V3_KEY_KMS') }),
 * })
 * ```
 *
 * Fields load side by side. When some fail, one {@link WechatPayCertificateError} names each of them
 * and never a content; of errors that are not ours, name and code only. Whether the fields belong
 * together is checked by whoever loads the credential.
 *
 * `changes` emits when a field does; changes within 200 ms become one. It ends when one of the fields'
 * ends, so that a watch that broke off silently is started again.
 *
 * A private key that arrives as bytes is parsed at once and the bytes are overwritten, so that no
 * plaintext of it outlives the load (a PEM or DER form; bare Base64 and escaped line breaks pass
 * through a text, which JavaScript cannot overwrite). The same goes for bytes of an APIv3 key, but
 * that key has to become a text.
 *
 * @throws {WechatPayConfigurationError} when a field is missing or given twice
 *
 * @publicApi
 */
export function credentialFrom(fields: CredentialFields): CredentialSource {
  const { privateKey, signer, certificate, serialNo, apiV3Key, previousApiV3Keys = [] } = fields;
  checkFields(fields);
  const named: (NamedField | undefined)[] = [
    nameField(LABELS.privateKey, privateKey),
    nameField(LABELS.certificate, certificate),
    nameField(LABELS.serialNo, serialNo),
    ...[apiV3Key, ...previousApiV3Keys].map((key, index) =>
      nameField(index === 0 ? LABELS.apiV3Key : `credential.previousApiV3Keys[${index - 1}]`, key),
    ),
  ];
  const given = named.filter((field) => field !== undefined);
  const load = async (signal: AbortSignal): Promise<CredentialMaterial> => {
    const results = await within(signal, undefined, (own) => loadAll(given, own), wipeAll);
    try {
      failIfAny(given, results);
      const [key, pem, serial, ...apiV3Keys] = named.map((field) =>
        field ? valueOf(results[given.indexOf(field)]) : undefined,
      );
      return {
        privateKey: Buffer.isBuffer(key) ? parseKey(key) : key,
        signer,
        certificate: Buffer.isBuffer(pem) ? Buffer.from(pem) : textOf(pem),
        serialNo: textOf(serial),
        apiV3Keys: apiV3Keys.map((item) => textOf(item) ?? ''),
      };
    } finally {
      wipeAll(results);
    }
  };
  const changes = mergeChanges(given.map(({ field }) => field.changes));
  return { load, changes: changes?.pipe(auditTime(CHANGES_WINDOW_MS)) };
}

function checkFields(fields: CredentialFields): void {
  const { privateKey, signer, certificate, serialNo, apiV3Key } = fields;
  const problems: string[] = [];
  if ((privateKey === undefined) === (signer === undefined)) {
    problems.push(`give ${LABELS.privateKey} or credential.signer, one of them`);
  }
  if (signer !== undefined && typeof signer?.sign !== 'function') {
    problems.push('credential.signer must have sign(message, signal)');
  }
  if (certificate === undefined && serialNo === undefined) {
    problems.push(`give ${LABELS.certificate} or ${LABELS.serialNo}`);
  }
  if (apiV3Key === undefined) problems.push(`${LABELS.apiV3Key} is missing`);
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
}

function nameField(
  label: string,
  input: CredentialInput<Loaded> | undefined,
): NamedField | undefined {
  if (input === undefined) return undefined;
  return { label, field: isField(input) ? input : fromValue(input) };
}

/** Whether this delivers a content, and is none. */
export function isField<T>(input: CredentialInput<T>): input is CredentialField<T> {
  return (
    typeof input === 'object' &&
    input !== null &&
    typeof (input as Partial<CredentialField<T>>).load === 'function'
  );
}

type Result = PromiseSettledResult<Loaded>;

function loadAll(fields: readonly NamedField[], signal: AbortSignal): Promise<Result[]> {
  return Promise.allSettled(fields.map(async ({ field }) => checkKind(await field.load(signal))));
}

/** A source of somebody else's may deliver anything. */
function checkKind(value: unknown): Loaded {
  const bytes = value instanceof Uint8Array ? viewOf(value) : value;
  if (typeof bytes === 'string' || Buffer.isBuffer(bytes)) {
    if (bytes.length <= MAX_SOURCE_BYTES) return bytes;
    if (typeof bytes !== 'string') bytes.fill(0);
    throw unavailable(`it is longer than ${MAX_SOURCE_BYTES / 1024} KiB`, false);
  }
  if (bytes instanceof KeyObject) return bytes;
  throw unavailable('its source delivered neither text nor bytes', false);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function failIfAny(fields: readonly NamedField[], results: readonly Result[]): void {
  const failures = results.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [];
    const reason: unknown = result.reason;
    const text =
      reason instanceof WechatPayCertificateError
        ? reason.message
        : `its source failed (${kindOf(reason)})`;
    return [`${fields[index]?.label}: ${text}`];
  });
  if (failures.length === 0) return;
  const list =
    failures.length === 1 ? ` ${failures[0]}` : failures.map((f) => `\n  - ${f}`).join('');
  throw unavailable(`The credential cannot be loaded:${list}`);
}

function valueOf(result: Result | undefined): Loaded | undefined {
  return result?.status === 'fulfilled' ? result.value : undefined;
}

function textOf(value: Loaded | undefined): string | undefined {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.toString('utf8').trim();
  return undefined;
}

function parseKey(bytes: Buffer): KeyObject {
  try {
    return privateKeyOf(bytes);
  } catch (error) {
    throw unavailable(`${LABELS.privateKey} ${checkMessageOf(error)}`);
  }
}

function wipeAll(results: readonly Result[]): void {
  for (const result of results) {
    const value = valueOf(result);
    if (Buffer.isBuffer(value)) value.fill(0);
  }
}
