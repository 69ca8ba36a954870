import { isUtf8 } from 'node:buffer';
import { AEAD_ALGORITHM, type AeadBox } from '../crypto/index.js';
import { WechatPayRequestError } from '../errors/index.js';
import { parseJson } from '../http/index.js';

/** What a notification says around its payload. */
export interface Envelope {
  readonly id: string;
  readonly eventType: string;
  readonly createTime: string;
  readonly originalType: string | undefined;
  readonly summary: string | undefined;
  readonly box: AeadBox;
}

/** A text of the envelope, as its sender wrote it. */
type TextReader = (object: Record<string, unknown>, name: string) => string | undefined;

/**
 * Reads the envelope of verified bytes.
 *
 * @throws {WechatPayRequestError} when it has another shape
 * @see Source: 微信支付 证书和回调报文解密
 */
export function readEnvelope(body: Buffer): Envelope {
  const bytes = parseByBytes(body);
  const text: TextReader = bytes === undefined ? textOf : textOfBytes;
  const envelope = asObject(bytes ?? parseShape(body)) ?? refuse('it is not an object');
  const resource = asObject(envelope['resource']) ?? refuse('it has no resource');
  if (resource['algorithm'] !== AEAD_ALGORITHM) {
    refuse(`only ${AEAD_ALGORITHM} is supported (国密 is not)`);
  }
  return {
    id: text(envelope, 'id') ?? refuse('it has no id'),
    eventType: text(envelope, 'event_type') ?? refuse('it has no event_type'),
    createTime: text(envelope, 'create_time') ?? '',
    originalType: text(resource, 'original_type'),
    summary: text(envelope, 'summary'),
    box: {
      ciphertext: textOf(resource, 'ciphertext') ?? refuse('it has no ciphertext'), // ASCII or nothing
      nonce: text(resource, 'nonce') ?? refuse('it has no nonce'),
      associatedData: text(resource, 'associated_data'),
    },
  };
}

/**
 * The envelope with a character for each byte: the signs of JSON are ASCII, and nearly all of it is
 * Base64, which need not be decoded to be parsed (measured: half the time).
 *
 * @returns `undefined` where that would not be the same, or it is not JSON
 */
function parseByBytes(body: Buffer): unknown {
  const text = body.toString('latin1');
  if (text.includes('\\') || !isUtf8(body)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws {WechatPayRequestError} when verified bytes are not JSON */
export function parseShape(bytes: Buffer): unknown {
  try {
    return parseJson(bytes);
  } catch {
    return refuse('it is not JSON');
  }
}

/** An object that is no array, or nothing. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

const textOf: TextReader = (object, name) => {
  const value = object[name];
  return typeof value === 'string' ? value : undefined;
};

const textOfBytes: TextReader = (object, name) => {
  const value = textOf(object, name);
  const isDecoded = value === undefined || !/[\x80-\xff]/.test(value);
  return isDecoded ? value : Buffer.from(value, 'latin1').toString('utf8');
};

/** @throws {WechatPayRequestError} always */
export function refuse(reason: string): never {
  throw new WechatPayRequestError(`A verified notification was refused: ${reason}`);
}
