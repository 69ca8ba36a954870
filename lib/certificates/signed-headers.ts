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
  type: 'wechatpay-signature-type',
} as const;
const NEEDED = [NAMES.timestamp, NAMES.nonce, NAMES.signature, NAMES.serial];
/** How long a value may be, and what it may not contain. */
interface Shape {
  readonly longest: number;
  readonly wrong: RegExp;
}
const TIMESTAMP: Shape = { longest: 12, wrong: /[^0-9]/ };
const NONCE: Shape = { longest: 128, wrong: /[^\x21-\x2b\x2d-\x7e]/ };
const SIGNATURE: Shape = { longest: 1024, wrong: /[^\x21-\x2b\x2d-\x7e]/ };

/**
 * Reads the signature headers: each exactly once and well-formed (Node joins repeated headers with
 * a comma, which no value may contain), and of the RSA type.
 *
 * @throws {WechatPaySignatureError} `SIGNATURE_MISSING` (naming every missing header),
 * `SIGNATURE_MALFORMED`, `SIGNATURE_TYPE_UNSUPPORTED`
 * @see Source: 微信支付 接口规则/签名验证
 */
export function readSignedHeaders(headers: SignedHeaderSource): SignedHeaders {
  // one look at each: they are met at every call and every notification
  const {
    [NAMES.timestamp]: timestamp,
    [NAMES.nonce]: nonce,
    [NAMES.signature]: signature,
    [NAMES.serial]: serial,
    [NAMES.type]: type,
  } = headers;
  if (!timestamp || !nonce || !signature || !serial) throw missing(headers);
  if (type !== undefined && type !== RSA_SIGNATURE_TYPE) {
    throw new WechatPaySignatureError(
      'SIGNATURE_TYPE_UNSUPPORTED',
      `Only signatures of type ${RSA_SIGNATURE_TYPE} are accepted (国密 is not supported)`,
    );
  }
  if (!isWellFormed(timestamp, TIMESTAMP)) throw malformed(NAMES.timestamp);
  if (!isWellFormed(nonce, NONCE)) throw malformed(NAMES.nonce);
  if (!isWellFormed(signature, SIGNATURE)) throw malformed(NAMES.signature);
  if (typeof serial !== 'string' || !(isPublicKeyId(serial) || isCertificateSerial(serial))) {
    throw malformed(NAMES.serial);
  }
  return { timestamp, nonce, signature, serial };
}

function missing(headers: SignedHeaderSource): WechatPaySignatureError {
  const names = NEEDED.filter((name) => !headers[name]);
  return new WechatPaySignatureError(
    'SIGNATURE_MISSING',
    `Not signed: ${names.join(', ')} missing. A proxy must pass the Wechatpay-* headers on`,
  );
}

function malformed(name: string): WechatPaySignatureError {
  return new WechatPaySignatureError('SIGNATURE_MALFORMED', `${name} is malformed or repeated`);
}

function isWellFormed(
  value: string | readonly string[],
  { longest, wrong }: Shape,
): value is string {
  return typeof value === 'string' && value.length <= longest && !wrong.test(value);
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
 * @returns a promise only when a key has to be fetched: one that is held costs no wait
 * @throws {WechatPaySignatureError} for anything that does not verify, and whatever `wait` throws
 * @throws {WechatPayDecryptionError} when the key is unknown because no certificate list opens
 */
export function verifySigned(
  keys: PlatformKeySource,
  rawHeaders: SignedHeaderSource,
  body: Buffer,
  nowMs: number,
  asked: {
    readonly from: KeyAsker;
    readonly wait: (key: Promise<PlatformKey | undefined>) => Promise<PlatformKey | undefined>;
  },
): void | Promise<void> {
  const headers = readSignedHeaders(rawHeaders);
  assertFresh(headers, nowMs);
  const { serial } = headers;
  const held = keys.keyRing.find(serial, nowMs);
  if (held) return assertSignedBy(held, keys, headers, body);
  const { from, wait } = asked;
  return wait(keys.find(serial, { from })).then((key) => assertSignedBy(key, keys, headers, body));
}

function assertSignedBy(
  key: PlatformKey | undefined,
  keys: PlatformKeySource,
  headers: SignedHeaders,
  body: Buffer,
): void {
  if (!key) {
    const { lastError } = keys.status;
    const facts = factsOf(headers);
    // With a wrong APIv3 key nobody can be verified: that is our fault, not the sender's.
    if (lastError instanceof WechatPayDecryptionError && !facts.isProbe) throw lastError;
    throw new WechatPaySignatureError(
      'SIGNATURE_KEY_UNKNOWN',
      `Signed with the key ${headers.serial}, which is not known: for PUB_KEY_ID_… set platform.publicKey, for a certificate see platform.certificates`,
      facts,
    );
  }
  assertSigned(headers, body, key);
  keys.countReceived(key.id);
}
