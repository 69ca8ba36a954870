import { isUtf8 } from 'node:buffer';
import { WechatPayError, WechatPayRequestError } from '../errors/index.js';

/**
 * Serialises a body once.
 *
 * @returns JSON text, empty for `undefined`
 * @throws {WechatPayRequestError} when JSON cannot express it
 */
export function toJson(body: unknown): string {
  if (body === undefined) return '';
  try {
    const json: string | undefined = JSON.stringify(body);
    if (json !== undefined) return json;
  } catch (cause) {
    throw new WechatPayRequestError('The body cannot be written as JSON', { cause });
  }
  throw new WechatPayRequestError('The body cannot be written as JSON');
}

/**
 * Parses verified bytes. A key named `__proto__` is left out: an application that merges objects
 * must not be changed by one.
 *
 * @throws {WechatPayError} `ANSWER_NOT_JSON`
 */
export function parseJson(body: Buffer, requestId?: string): unknown {
  try {
    if (!isUtf8(body)) throw new TypeError();
    const text = body.toString('utf8');
    // The name itself, or with letters written as escapes.
    return text.includes('__proto__') || text.includes('\\u00')
      ? JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
      : JSON.parse(text);
  } catch {
    // no cause: its message quotes the text
    throw new WechatPayError('ANSWER_NOT_JSON', 'The verified content is not JSON', { requestId });
  }
}
