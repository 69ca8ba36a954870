import { WechatPayStoreError } from '../errors/index.js';
import type { SignedAnswer } from './certificate-list.js';
import { signedAtSeconds } from './store.js';

/** Longest entry that a store reads or writes, in bytes; a list of two certificates takes about 8 KiB. */
export const MAX_STORED_BYTES = 256 * 1024;

/** The header fields that belong to a signature, and nothing else of a message. */
export const KEPT_HEADERS = [
  'wechatpay-timestamp',
  'wechatpay-nonce',
  'wechatpay-signature',
  'wechatpay-serial',
  'wechatpay-signature-type',
] as const;
const HEADER_VALUE = /^[\x21-\x7e]{1,1024}$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * A signed answer as the text that every store keeps: the `Wechatpay-*` headers and the body, no
 * other header and nothing of the merchant's.
 *
 * @throws {WechatPayStoreError} when it is longer than 256 KiB
 */
export function encodeAnswer(answer: SignedAnswer): string {
  const headers = Object.fromEntries(KEPT_HEADERS.map((name) => [name, answer.headers[name]]));
  const text = JSON.stringify({ format: 1, headers, body: answer.body.toString('base64') });
  if (Buffer.byteLength(text) <= MAX_STORED_BYTES) return text;
  throw new WechatPayStoreError(
    `A certificate list takes more than ${MAX_STORED_BYTES / 1024} KiB: it is not kept`,
  );
}

/**
 * Reads what {@link encodeAnswer} made. The content proves itself later; here only the shape counts.
 *
 * @param stored text or bytes of a store, which may hold anything
 * @throws {WechatPayStoreError} for everything that is not such a text; nothing else
 */
export function decodeAnswer(stored: unknown): SignedAnswer {
  const text = textOf(stored);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw foreign('is not JSON'); // the parser's own words would quote it
  }
  if (!hasExactly(parsed, ['format', 'headers', 'body'])) throw foreign('has another shape');
  const { format, headers, body } = parsed;
  if (format !== 1) throw foreign('has another format');
  if (typeof body !== 'string' || body.length % 4 !== 0 || !BASE64.test(body)) {
    throw foreign('has a body that is not Base64');
  }
  return { headers: readHeaders(headers), body: Buffer.from(body, 'base64') };
}

/**
 * The version of an entry that a store holds: when it was signed, in seconds. -1 for what is absent or
 * cannot be understood, so that anything replaces it.
 */
export function storedSeconds(stored: unknown, nowMs: number = Date.now()): number {
  if (stored === undefined || stored === null) return -1;
  try {
    return signedAtSeconds(decodeAnswer(stored), nowMs);
  } catch {
    return -1;
  }
}

function textOf(stored: unknown): string {
  if (typeof stored === 'string' && stored.length <= MAX_STORED_BYTES) return stored;
  if (!(stored instanceof Uint8Array) && typeof stored !== 'string') throw foreign('is not a text');
  if (stored.length > MAX_STORED_BYTES) {
    throw foreign(`is longer than ${MAX_STORED_BYTES / 1024} KiB`);
  }
  return Buffer.from(stored).toString('utf8');
}

function readHeaders(headers: unknown): Record<string, string | undefined> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw foreign('has no headers');
  }
  const known: readonly string[] = KEPT_HEADERS;
  const entries = Object.entries(headers as Record<string, unknown>).map(([name, value]) => {
    if (!known.includes(name) || typeof value !== 'string' || !HEADER_VALUE.test(value)) {
      throw foreign('has other headers');
    }
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

function hasExactly<K extends string>(
  value: unknown,
  keys: readonly K[],
): value is Record<K, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const own = Object.keys(value);
  return own.length === keys.length && keys.every((key) => own.includes(key));
}

function foreign(what: string): WechatPayStoreError {
  return new WechatPayStoreError(
    `The kept certificate list ${what}: delete the entry if nothing replaces it, and see who else writes to the store`,
    { code: 'STORE_ENTRY_INVALID' },
  );
}
