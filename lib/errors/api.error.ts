import { redactTarget, redactText } from './redact.js';
import { branded, WechatPayError } from './wechat-pay.error.js';

/** What the platform says it signed, when it refuses a signature: compare it with your own. */
export interface SignInformation {
  readonly method: string | undefined;
  /** The target as the platform read it; query values are left out of it. */
  readonly url: string | undefined;
  /** The length of the platform's message in bytes: a different length means different bytes. */
  readonly signMessageLength: number | undefined;
}

/** The non-personal part of the platform's `detail` object. */
export interface ApiErrorDetail {
  /** JSON pointer of the offending field. */
  readonly field?: string;
  readonly issue?: string;
  readonly location?: string;
}

/** What an {@link WechatPayApiError} is made from. */
export interface ApiErrorSource {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly body: Buffer;
  readonly requestId: string | undefined;
  /** What the answer's `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** What to do about the refusals that people meet most. Source: 微信支付 通用规则, 错误码. */
const REMEDIES: Readonly<Record<string, string>> = {
  SIGN_ERROR:
    'Check that the private key (商户API私钥) belongs to the certificate serial number (商户API证书序列号) and that the clock is right',
  APPID_MCHID_NOT_MATCH: 'Bind the appid to this mchid in the merchant platform (AppID账号管理)',
  NO_AUTH: 'Apply for this product in the merchant platform (产品中心)',
  OUT_TRADE_NO_USED:
    'The out_trade_no (商户订单号) was used with other parameters: query that order',
  ORDERPAID: 'The order is paid already: query it',
  ORDER_CLOSED: 'The order is closed: create a new one with a new out_trade_no (商户订单号)',
  NOT_ENOUGH: 'Top up the account, then repeat with the same number (余额不足)',
  FREQUENCY_LIMITED: 'Slow down and repeat later (频率超限)',
};

/**
 * The platform answered with an HTTP status outside 2xx. Branch on `status` first, then on
 * `platformCode`; the message changes without notice.
 *
 * @publicApi
 */
export class WechatPayApiError extends WechatPayError {
  /** HTTP status, 300 to 599. */
  readonly status: number;
  /** The platform's code, such as `PARAM_ERROR`; `undefined` for an empty or foreign body. */
  readonly platformCode: string | undefined;
  /**
   * The platform's message, shortened, without anything shaped like an openid, an identity, phone or bank
   * card number, or a key. A name that it repeats is not recognised.
   */
  readonly platformMessage: string | undefined;
  readonly detail: ApiErrorDetail | undefined;
  /** Present when the platform refused the signature. */
  readonly signInformation: SignInformation | undefined;

  constructor(source: ApiErrorSource) {
    const { method, target, status, requestId, retryAfterMs } = source;
    const answer = parseObject(source.body);
    const platformCode = shortText(answer?.['code'], 64);
    const platformMessage = shortText(answer?.['message'], 512);
    const remedy = platformCode === undefined ? undefined : lookUp(platformCode);
    const is5xx = status >= 500;
    super(
      'API_ERROR',
      `${method} ${redactTarget(target)} was answered ${status}` +
        `${platformCode === undefined ? '' : ` ${platformCode}`}` +
        `${platformMessage === undefined ? '' : `: ${platformMessage}`}` +
        `${remedy === undefined ? '' : `. ${remedy}`}` +
        `${requestId === undefined ? '' : ` (Request-ID ${requestId})`}`,
      {
        requestId,
        retryAfterMs,
        isRetryable: status === 429 || is5xx,
        isResultUnknown: is5xx && method !== 'GET',
      },
    );
    this.status = status;
    this.platformCode = platformCode;
    this.platformMessage = platformMessage;
    const detail = asObject(answer?.['detail']);
    this.detail = detail && detailOf(detail);
    this.signInformation = detail && signInformationOf(detail);
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      status: this.status,
      platformCode: this.platformCode,
      detail: this.detail,
      signInformation: this.signInformation,
    };
  }
}
branded(WechatPayApiError, 'WechatPayApiError');

function lookUp(code: string): string | undefined {
  return Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined;
}

function detailOf(detail: Record<string, unknown>): ApiErrorDetail {
  // `value` echoes the offending field, which may be an openid or a name: never kept.
  const field = shortText(detail['field'], 128);
  const issue = shortText(detail['issue'] ?? asObject(detail['detail'])?.['issue'], 256);
  const location = shortText(detail['location'], 64);
  return {
    ...(field === undefined ? {} : { field }),
    ...(issue === undefined ? {} : { issue }),
    ...(location === undefined ? {} : { location }),
  };
}

function signInformationOf(detail: Record<string, unknown>): SignInformation | undefined {
  const information = asObject(detail['sign_information']);
  if (information === undefined) return undefined;
  // `truncated_sign_message` ends in the first characters of the body: not kept.
  const url = information['url'];
  const length = information['sign_message_length'];
  return {
    method: shortText(information['method'], 16),
    url: typeof url === 'string' ? redactTarget(url) : undefined,
    signMessageLength: typeof length === 'number' ? length : undefined,
  };
}

function parseObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined; // gateways answer with HTML, an empty 404 with nothing
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function shortText(value: unknown, maximum: number): string | undefined {
  return typeof value === 'string' && value !== ''
    ? redactText(value).slice(0, maximum)
    : undefined;
}
