import { platformMessage, verifySha256 } from '../crypto/index.js';
import { isCertificateSerial, isPublicKeyId } from '../crypto/index.js';
import {
  WechatPayDecryptionError,
  WechatPaySignatureError,
  type WechatPayError,
} from '../errors/index.js';
import type { PlatformKey } from './key-ring.js';
import type { KeyAsker } from './on-demand-gate.js';

/** Header fields by lower-case name, as Node, Express, Fastify and undici hand them out. */
export type SignedHeaderSource = Readonly<Record<string, string | string[] | undefined>>;

/** The four well-formed values that a signature needs. */
export interface SignedHeaders {
  /** Unix time in seconds, decimal, as text. */
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
  readonly serial: string;
}

/** The signature type of the RSA variant, the only one accepted. */
export const RSA_SIGNATURE_TYPE = 'WECHATPAY2-SHA256-RSA2048';
/** Signatures of deliberate probes (签名探测流量) start like this. They are refused like any other. */
const PROBE_PREFIX = 'WECHATPAY/SIGNTEST/';
/** Signed times further away than this, past or future, are refused. */
const WINDOW_SECONDS = 300;

const NAMES = {
  timestamp: 'wechatpay-timestamp',
  nonce: 'wechatpay-nonce',
  signature: 'wechatpay-signature',
  serial: 'wechatpay-serial',
} as const;
const ALL_NAMES = Object.values(NAMES);
const TIMESTAMP = /^[0-9]{1,12}$/;
const NONCE = /^[\x21-\x2b\x2d-\x7e]{1,128}$/;
const SIGNATURE = /^[\x21-\x2b\x2d-\x7e]{1,1024}$/;
const SERIAL = /^[0-9A-Za-z_]{1,80}$/;

/**
 * Reads the signature headers: each exactly once and well-formed (Node joins repeated headers with
 * a comma, which no value may contain), and of the RSA type.
 *
 * @throws {WechatPaySignatureError} `SIGNATURE_MISSING` (naming every missing header),
 * `SIGNATURE_MALFORMED`, `SIGNATURE_TYPE_UNSUPPORTED`
 * @see Source: 微信支付 接口规则/签名验证
 */
export function readSignedHeaders(headers: SignedHeaderSource): SignedHeaders {
  assertComplete(headers);
  const type = headers['wechatpay-signature-type'];
  if (type !== undefined && type !== RSA_SIGNATURE_TYPE) {
    throw new WechatPaySignatureError(
      'SIGNATURE_TYPE_UNSUPPORTED',
      `Only signatures of type ${RSA_SIGNATURE_TYPE} are accepted (国密 is not supported)`,
    );
  }
  const signed = {
    timestamp: wellFormed(headers, NAMES.timestamp, TIMESTAMP),
    nonce: wellFormed(headers, NAMES.nonce, NONCE),
    signature: wellFormed(headers, NAMES.signature, SIGNATURE),
    serial: wellFormed(headers, NAMES.serial, SERIAL),
  };
  if (!isPublicKeyId(signed.serial) && !isCertificateSerial(signed.serial)) {
    throw new WechatPaySignatureError('SIGNATURE_MALFORMED', `${NAMES.serial} is malformed`);
  }
  return signed;
}

function assertComplete(headers: SignedHeaderSource): void {
  if (ALL_NAMES.every((name) => headers[name])) return;
  const missing = ALL_NAMES.filter((name) => !headers[name]);
  throw new WechatPaySignatureError(
    'SIGNATURE_MISSING',
    `Not signed: ${missing.join(', ')} missing. A proxy must pass the Wechatpay-* headers on`,
  );
}

function wellFormed(headers: SignedHeaderSource, name: string, shape: RegExp): string {
  const value = headers[name];
  if (typeof value === 'string' && shape.test(value)) return value;
  throw new WechatPaySignatureError('SIGNATURE_MALFORMED', `${name} is malformed or repeated`);
}

/**
 * Refuses a signed time that is 300 seconds or more away from now, in either direction.
 *
 * @throws {WechatPaySignatureError} `SIGNATURE_EXPIRED`
 */
export function assertFresh(headers: SignedHeaders, nowMs: number): void {
  const awaySeconds = Number(headers.timestamp) - Math.floor(nowMs / 1000);
  if (!(Math.abs(awaySeconds) < WINDOW_SECONDS)) {
    throw new WechatPaySignatureError(
      'SIGNATURE_EXPIRED',
      `Signed ${awaySeconds} s away from now, less than ${WINDOW_SECONDS} s are accepted: check the clock of this machine (NTP)`,
      factsOf(headers),
    );
  }
}

/**
 * Checks the signature over the raw bytes.
 *
 * @throws {WechatPaySignatureError} `SIGNATURE_INVALID`
 */
export function assertSigned(headers: SignedHeaders, body: Buffer, key: PlatformKey): void {
  const message = platformMessage(headers.timestamp, headers.nonce, body);
  if (verifySha256(message, headers.signature, key.key)) return;
  const facts = factsOf(headers);
  throw new WechatPaySignatureError(
    'SIGNATURE_INVALID',
    facts.isProbe
      ? 'A deliberate wrong signature of the platform (签名探测流量) was refused, as it should be'
      : 'The signature does not match the bytes received: verify the raw body, unchanged by any proxy or parser',
    facts,
  );
}

/** A probe is one whatever it fails by: the platform sends some with old serial numbers. */
function factsOf({ signature, serial }: SignedHeaders): { isProbe: boolean; serial: string } {
  return { isProbe: signature.startsWith(PROBE_PREFIX), serial };
}

/** Where the keys of the platform come from. */
export interface PlatformKeySource {
  readonly keyRing: { find(serial: string, nowMs: number): PlatformKey | undefined };
  /** Never throws; may read the store and download once when the serial is unknown. */
  find(serial: string, options: { readonly from: KeyAsker }): Promise<PlatformKey | undefined>;
  /** Counts what a key has verified. */
  countReceived(id: string): void;
  /** Why the last download failed, if it did. */
  readonly status: { readonly lastError: WechatPayError | undefined };
}

/**
 * Checks that the platform signed these bytes just now: headers, time window, key, signature. The
 * cheap checks come first, so that what is malformed or stale costs no key and no download.
 *
 * @param asked `from`: in answer to a call of ours, or from anybody; `wait`: bounds the wait for a key
 * that has to be fetched
 * @throws {WechatPaySignatureError} for anything that does not verify, and whatever `wait` throws
 * @throws {WechatPayDecryptionError} when the key is unknown because no certificate list opens
 */
export async function verifySigned(
  keys: PlatformKeySource,
  rawHeaders: SignedHeaderSource,
  body: Buffer,
  nowMs: number,
  asked: {
    readonly from: KeyAsker;
    readonly wait: (key: Promise<PlatformKey | undefined>) => Promise<PlatformKey | undefined>;
  },
): Promise<void> {
  const headers = readSignedHeaders(rawHeaders);
  assertFresh(headers, nowMs);
  const { serial } = headers;
  const { from, wait } = asked;
  const key = keys.keyRing.find(serial, nowMs) ?? (await wait(keys.find(serial, { from })));
  if (!key) {
    const { lastError } = keys.status;
    const facts = factsOf(headers);
    // With a wrong APIv3 key nobody can be verified: that is our fault, not the sender's.
    if (lastError instanceof WechatPayDecryptionError && !facts.isProbe) throw lastError;
    throw new WechatPaySignatureError(
      'SIGNATURE_KEY_UNKNOWN',
      `Signed with the key ${serial}, which is not known: for PUB_KEY_ID_… set platform.publicKey, for a certificate see platform.certificates`,
      facts,
    );
  }
  assertSigned(headers, body, key);
  keys.countReceived(key.id);
}
