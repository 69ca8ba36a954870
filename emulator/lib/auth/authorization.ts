import { PlatformError } from '../platform/platform-error.js';

/** What an `Authorization` header says. @internal */
export interface Authorization {
  readonly mchid: string;
  readonly nonce: string;
  readonly signature: string;
  /** Seconds, as given. */
  readonly timestamp: string;
  readonly serial: string;
}

const scheme = 'WECHATPAY2-SHA256-RSA2048';
const names = ['mchid', 'nonce_str', 'signature', 'timestamp', 'serial_no'];

/** 401 `SIGN_ERROR`, which every failed authentication answers. @internal */
export function signError(message: string, detail?: Record<string, unknown>): PlatformError {
  return new PlatformError(401, 'SIGN_ERROR', message, detail);
}

/**
 * Reads the header: the scheme, one space, five parameters `name="value"` in any order with a
 * comma between them.
 *
 * @throws {PlatformError} 401 `SIGN_ERROR`
 * @see WeChat Pay APIv3 docs: 签名生成, 设置HTTP头
 * @internal
 */
export function parseAuthorization(header: string | undefined): Authorization {
  const [, kind, rest] = /^([\w-]+) (\S.*)$/.exec(header ?? '') ?? [];
  if (kind === undefined || rest === undefined) {
    throw signError('Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》');
  }
  if (kind !== scheme) throw signError('HTTP头Authorization认证类型不正确');
  const values = new Map<string, string>();
  for (const part of rest.split(',')) {
    const [, name, value] = /^(\w+)="([^"]*)"$/.exec(part) ?? [];
    if (name === undefined || value === undefined || !names.includes(name) || values.has(name)) {
      throw signError('Authorization不合法');
    }
    values.set(name, value);
  }
  const read = (name: string): string => {
    const value = values.get(name);
    if (value === undefined || value === '') throw signError('Authorization不合法');
    return value;
  };
  return {
    mchid: read('mchid'),
    nonce: read('nonce_str'),
    signature: read('signature'),
    timestamp: read('timestamp'),
    serial: read('serial_no'),
  };
}
