import { WechatPayRequestError } from '../errors/index.js';
import { VERSION } from '../version.js';

const USER_AGENT = `nestjs-wechatpay/${VERSION} (${process.platform}) node/${process.versions.node}`;
const NAME = /^[A-Za-z0-9-]{1,64}$/;
const VALUE = /^[\x20-\x7e]{0,1024}$/;
const RESERVED =
  /^(?:authorization|accept|accept-encoding|content-.*|host|user-agent|wechatpay-.*|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|cookie|proxy-.*)$/i;

/**
 * The headers that carry the protocol, as names and values in turn.
 *
 * @param wechatpaySerial names the platform key that the answer should be signed with and that
 * encrypted the fields of the body
 */
export function protocolHeaders(
  authorization: string,
  body: Buffer | undefined,
  wechatpaySerial: string | undefined,
  accept = 'application/json',
): string[] {
  const headers = ['authorization', authorization, 'accept', accept, 'user-agent', USER_AGENT];
  if (body) headers.push('content-type', 'application/json');
  if (wechatpaySerial !== undefined) headers.push('wechatpay-serial', wechatpaySerial);
  return headers;
}

/**
 * Checks headers given by the application.
 *
 * @throws {WechatPayRequestError} for a reserved name or a value that could smuggle another header
 */
export function extraHeaders(
  headers: Readonly<Record<string, string>> | undefined,
): string[] | undefined {
  if (!headers) return undefined;
  return Object.entries(headers).flatMap(([name, value]) => {
    if (
      typeof value !== 'string' ||
      !NAME.test(name) ||
      RESERVED.test(name) ||
      !VALUE.test(value)
    ) {
      throw new WechatPayRequestError('A header of the call has a reserved name or a bad value');
    }
    return [name, value];
  });
}
