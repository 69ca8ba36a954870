import { createPrivateKey, createPublicKey, KeyObject, X509Certificate } from 'node:crypto';

/** PEM text in any form that survives mail, YAML and environment variables, or its bytes. */
export type PemInput = string | Buffer;

const MAX_BYTES = 64 * 1024;
const MIN_RSA_BITS = 2048;
/** U+FEFF, as text and as the three bytes that a Buffer is read as. */
const BYTE_ORDER_MARK = /^(?:\uFEFF|\u00EF\u00BB\u00BF)/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

interface PemBlock {
  /** `PRIVATE KEY`, `CERTIFICATE`, …; `undefined` for bare Base64. */
  readonly label: string | undefined;
  readonly der: Buffer;
}

/**
 * Reads an RSA private key: PKCS#8 or PKCS#1; PEM with real or literal `\n`, CRLF or no line breaks
 * at all; or the bare Base64 between the PEM lines. A key that is parsed already is checked alike.
 *
 * @throws {TypeError} with a remedy, when it is something else; the text never appears in it
 */
export function parsePrivateKey(input: PemInput | KeyObject): KeyObject {
  if (input instanceof KeyObject) return assertKind(input, 'private');
  const { label, der } = readBlock(input, 'private key');
  if (label === 'CERTIFICATE') {
    throw new TypeError('is a certificate: give apiclient_key.pem, not apiclient_cert.pem');
  }
  if (label?.endsWith('PUBLIC KEY')) throw new TypeError('is a public key: give apiclient_key.pem');
  if (label === 'ENCRYPTED PRIVATE KEY') {
    throw new TypeError(
      'is protected by a password: remove it with `openssl pkey -in … -out …` and keep the file safe',
    );
  }
  if (label === 'EC PRIVATE KEY') throw new TypeError('is of type ec: an RSA key is needed');
  const types = label === 'RSA PRIVATE KEY' ? (['pkcs1'] as const) : (['pkcs8', 'pkcs1'] as const);
  for (const type of types) {
    try {
      return assertRsa(createPrivateKey({ key: der, format: 'der', type }));
    } catch (error) {
      if (error instanceof TypeError && error.message.startsWith('is ')) throw error;
    }
  }
  throw new TypeError('is not a private key in PEM form (damaged or cut off?)');
}

/**
 * Reads an RSA public key (SPKI) as `pub_key.pem` of the merchant platform holds it, in the same
 * forms as {@link parsePrivateKey}.
 *
 * @throws {TypeError} with a remedy, when it is something else
 */
export function parsePublicKey(input: PemInput | KeyObject): KeyObject {
  if (input instanceof KeyObject) return assertKind(input, 'public');
  const { label, der } = readBlock(input, 'public key');
  if (label === 'CERTIFICATE') throw new TypeError('is a certificate: give pub_key.pem');
  if (label?.endsWith('PRIVATE KEY')) throw new TypeError('is a private key: give pub_key.pem');
  let key: KeyObject;
  try {
    key = createPublicKey({
      key: der,
      format: 'der',
      type: label === 'RSA PUBLIC KEY' ? 'pkcs1' : 'spki',
    });
  } catch {
    throw new TypeError('is not a public key in PEM form (damaged or cut off?)');
  }
  return assertRsa(key);
}

/**
 * Reads an X.509 certificate in the same forms as {@link parsePrivateKey}; of several, the first.
 *
 * @throws {TypeError} with a remedy, when it is something else
 */
export function parseCertificate(input: PemInput): X509Certificate {
  const { label, der } = readBlock(input, 'certificate');
  if (label?.endsWith('KEY')) throw new TypeError('is a key: give apiclient_cert.pem');
  try {
    return new X509Certificate(der);
  } catch {
    throw new TypeError('is not an X.509 certificate in PEM form (damaged or cut off?)');
  }
}

function assertKind(key: KeyObject, kind: 'private' | 'public'): KeyObject {
  if (key.type !== kind) throw new TypeError(`is a ${key.type} key: a ${kind} key is needed`);
  return assertRsa(key);
}

function assertRsa(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'rsa') {
    throw new TypeError(`is of type ${String(key.asymmetricKeyType)}: an RSA key is needed`);
  }
  const bits = Number(key.asymmetricKeyDetails?.modulusLength);
  if (bits >= MIN_RSA_BITS) return key;
  throw new TypeError(`is RSA-${bits}: at least ${MIN_RSA_BITS} bits`);
}

function readBlock(input: PemInput, what: string): PemBlock {
  if (input.length === 0) throw new TypeError('is empty');
  if (input.length > MAX_BYTES) throw new TypeError(`is longer than a ${what} can be (64 KiB)`);
  const text = (typeof input === 'string' ? input : input.toString('latin1'))
    .replaceAll('\\r', '')
    .replaceAll('\\n', '\n')
    .replace(BYTE_ORDER_MARK, '')
    .trim();
  const begin = text.indexOf('-----BEGIN ');
  if (begin < 0) return { label: undefined, der: decode(text, what) };
  const labelEnd = text.indexOf('-----', begin + 11);
  const label = labelEnd < 0 ? '' : text.slice(begin + 11, labelEnd);
  const end = text.indexOf(`-----END ${label}-----`, labelEnd);
  if (label === '' || end < 0) throw new TypeError('is cut off: its -----END line is missing');
  const body = text.slice(labelEnd + 5, end);
  if (body.includes(':')) {
    throw new TypeError('is protected by a password: remove it with `openssl pkey -in … -out …`');
  }
  return { label, der: decode(body, what) };
}

function decode(body: string, what: string): Buffer {
  const base64 = body.replace(/\s/g, '');
  if (!BASE64.test(base64)) {
    throw new TypeError(
      `is not a ${what} in PEM form: its Base64 is damaged, or a file name was given in place of its content`,
    );
  }
  return Buffer.from(base64, 'base64');
}
