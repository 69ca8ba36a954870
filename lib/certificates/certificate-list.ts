import type { KeyObject } from 'node:crypto';
import {
  AEAD_ALGORITHM,
  certificateFacts,
  normaliseSerial,
  openAead,
  parseCertificate,
} from '../crypto/index.js';
import { WechatPayCertificateError, WechatPayError } from '../errors/index.js';
import { PlatformKeyRing, type PlatformKey } from './key-ring.js';
import { assertFresh, assertSigned, readSignedHeaders } from './signed-headers.js';

/** A signed answer of `GET /v3/certificates`, as received or as a store kept it. */
export interface SignedAnswer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What a certificate list proves. */
export interface CertificateList {
  readonly certificates: readonly PlatformKey[];
  /** When the platform signed the list. */
  readonly signedAtMs: number;
  /** Which APIv3 key opened it; above 0 is a predecessor. */
  readonly apiV3KeyIndex: number;
}

/** What a list is judged by. */
export interface ListRules {
  /** The keys in force, any of which may have signed it. */
  readonly ring: PlatformKeyRing;
  readonly apiV3Keys: readonly KeyObject[];
  readonly nowMs: number;
  /** Normalised serial numbers that the application no longer accepts. */
  readonly distrusted: ReadonlySet<string>;
  /** A stored list is as good as a new one, but its signed time may be long ago. */
  readonly isStored: boolean;
}

const MAX_ENTRIES = 16;
const MAX_AHEAD_MS = 5 * 60_000;
const MIN_RSA_BITS = 2048;

/**
 * Checks a certificate list and takes the keys out of it. Trust rests on the APIv3 key: every entry
 * must open with it, and the answer must be signed by one of the certificates it contains, by one
 * already known, or by a configured public key. Certificates contained in the answer count on
 * every download: a process that was down during a rotation would lock itself out otherwise.
 *
 * @throws {WechatPayError} whatever is wrong with it; then nothing of it may be used
 * @see Source: 微信支付 下载平台证书, 平台证书更换
 */
export function readCertificateList(answer: SignedAnswer, rules: ListRules): CertificateList {
  const { ring, apiV3Keys, nowMs, distrusted } = rules;
  const headers = readSignedHeaders(answer.headers);
  const signedAtMs = Number(headers.timestamp) * 1000;
  if (!rules.isStored) assertFresh(headers, nowMs);
  else if (signedAtMs > nowMs + MAX_AHEAD_MS) throw invalid('is signed in the future');
  const known = ring.find(headers.serial, nowMs);
  if (known) assertSigned(headers, answer.body, known);
  let apiV3KeyIndex = 0;
  const listed = parseEntries(answer.body).map((entry) => {
    const opened = openEntry(entry, apiV3Keys);
    apiV3KeyIndex = Math.max(apiV3KeyIndex, opened.apiV3KeyIndex);
    return opened.key;
  });
  // What the application distrusts neither signs a list nor comes back with one.
  const valid = listed.filter((key) => key.notAfterMs > nowMs);
  const certificates = valid.filter((key) => !distrusted.has(normaliseSerial(key.id)));
  if (valid.length === 0) {
    throw invalid('holds no certificate that is valid now: check the clock of this machine');
  }
  if (certificates.length === 0) {
    throw invalid(
      'holds no certificate but those that this application gave to distrust(): until the platform lists another one, only a restart takes that back',
    );
  }
  if (!known) {
    const signer = new PlatformKeyRing(certificates).find(headers.serial, nowMs);
    if (!signer) throw invalid('is signed by a key that is neither in it nor known');
    assertSigned(headers, answer.body, signer);
  }
  return { certificates, signedAtMs, apiV3KeyIndex };
}

interface Entry {
  readonly serialNo: string;
  readonly ciphertext: string;
  readonly nonce: string;
  readonly associatedData: string | undefined;
}

function parseEntries(body: Buffer): Entry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw invalid('is not JSON', cause);
  }
  const data = field(parsed, 'data');
  if (!Array.isArray(data) || data.length === 0 || data.length > MAX_ENTRIES) {
    throw invalid(`holds no list of 1 to ${MAX_ENTRIES} certificates`);
  }
  return data.map((item: unknown) => {
    const box = field(item, 'encrypt_certificate');
    const serialNo = field(item, 'serial_no');
    const ciphertext = field(box, 'ciphertext');
    const nonce = field(box, 'nonce');
    const associatedData = field(box, 'associated_data');
    if (field(box, 'algorithm') !== AEAD_ALGORITHM) {
      throw invalid(`holds an entry that is not ${AEAD_ALGORITHM}`);
    }
    if (
      typeof serialNo !== 'string' ||
      typeof ciphertext !== 'string' ||
      typeof nonce !== 'string' ||
      (associatedData !== undefined && typeof associatedData !== 'string')
    ) {
      throw invalid('holds an entry without its fields');
    }
    return { serialNo, ciphertext, nonce, associatedData };
  });
}

function openEntry(
  entry: Entry,
  apiV3Keys: readonly KeyObject[],
): { key: PlatformKey; apiV3KeyIndex: number } {
  const { plaintext, keyIndex } = openAead(entry, apiV3Keys);
  let facts;
  try {
    facts = certificateFacts(parseCertificate(plaintext));
  } catch (cause) {
    throw invalid('holds an entry that is not a certificate', cause);
  }
  if (normaliseSerial(facts.serialNo) !== normaliseSerial(entry.serialNo.trim())) {
    throw invalid('names a serial number that is not that of its certificate');
  }
  const { asymmetricKeyType, asymmetricKeyDetails: { modulusLength = 0 } = {} } = facts.publicKey;
  if (asymmetricKeyType !== 'rsa' || modulusLength < MIN_RSA_BITS) {
    throw invalid(`holds a key that is not RSA of at least ${MIN_RSA_BITS} bits`);
  }
  return {
    key: Object.freeze({
      id: facts.serialNo,
      kind: 'certificate',
      key: facts.publicKey,
      notBeforeMs: facts.notBeforeMs,
      notAfterMs: facts.notAfterMs,
    }),
    apiV3KeyIndex: keyIndex,
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function invalid(what: string, cause?: unknown): WechatPayError {
  return new WechatPayCertificateError(
    'CERTIFICATES_INVALID',
    `The list of platform certificates (平台证书) was refused: it ${what}`,
    { cause },
  );
}
