import { verify } from 'node:crypto';
import type { EmulatorClock } from '../clock/clock.js';
import type { MerchantRecord, MerchantRegistry } from '../keys/merchants.js';
import { parseAuthorization, signError, type Authorization } from './authorization.js';

/** The signed parts of a request, as they came over the wire. @internal */
export interface SignedRequest {
  readonly method: string;
  /** Path and query of the request line, one character a byte (latin1). */
  readonly target: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

/**
 * Five minutes either way.
 *
 * @see WeChat Pay APIv3 docs: 签名生成, 请求时间戳
 */
const windowSeconds = 300;
/** How much of the body the diagnostic message shows. */
const shownBodyBytes = 10;

/**
 * Decides who sent a request.
 *
 * @see WeChat Pay APIv3 docs: 签名生成, 签名验证失败常见问题
 * @internal
 */
export class Authenticator {
  constructor(
    private readonly merchants: MerchantRegistry,
    private readonly clock: EmulatorClock,
  ) {}

  /** @throws {PlatformError} 401 `SIGN_ERROR` */
  authenticate(request: SignedRequest): MerchantRecord {
    const authorization = parseAuthorization(request.authorization);
    this.checkTime(authorization.timestamp);
    const merchant = this.merchants.find(authorization.mchid);
    const certificate = merchant?.certificates.find(
      ({ serial }) => serial === authorization.serial,
    );
    if (merchant === undefined || certificate === undefined) {
      throw signError('商户证书序列号有误。请使用签名私钥匹配的证书序列号');
    }
    const message = requestMessage(request, authorization);
    const { signature } = authorization;
    const isBase64 = /^[0-9A-Za-z+/]+={0,2}$/.test(signature);
    if (
      !isBase64 ||
      !verify('sha256', message, certificate.publicKey, Buffer.from(signature, 'base64'))
    ) {
      throw signError('错误的签名，验签失败', mismatch(request, message));
    }
    return merchant;
  }

  private checkTime(timestamp: string): void {
    if (!/^\d{1,12}$/.test(timestamp)) throw signError('Authorization不合法');
    if (Math.abs(this.clock.seconds() - Number(timestamp)) >= windowSeconds) {
      throw signError('Http头Authorization中的timestamp与发起请求的时间不得超过5分钟');
    }
  }
}

function requestMessage({ method, target, body }: SignedRequest, by: Authorization): Buffer {
  const head = Buffer.from(`${method}\n${target}\n${by.timestamp}\n${by.nonce}\n`, 'latin1');
  return Buffer.concat([head, body, Buffer.from('\n')]);
}

/** What the platform tells a merchant whose signature does not match. */
function mismatch(
  { method, target, body }: SignedRequest,
  message: Buffer,
): Record<string, unknown> {
  const shown = message.length - body.length - 1 + Math.min(body.length, shownBodyBytes);
  return {
    field: 'signature',
    location: 'authorization',
    detail: { issue: 'sign not match' },
    sign_information: {
      method,
      url: target,
      truncated_sign_message: message.subarray(0, shown).toString('utf8'),
      sign_message_length: message.length,
    },
  };
}
