import { branded, WechatPayError, type WechatPayErrorFacts } from './wechat-pay.error.js';
import type { WechatPayErrorCode } from './codes.js';

/**
 * Something in the options, the environment or the way the application is wired is wrong.
 * `problems` lists everything found, one sentence each with its remedy.
 *
 * @publicApi
 */
export class WechatPayConfigurationError extends WechatPayError {
  readonly problems: readonly string[];

  constructor(
    problems: readonly string[],
    options: {
      code?: 'CONFIGURATION_INVALID' | 'RAW_BODY_MISSING' | 'MERCHANT_UNKNOWN';
      title?: string;
    } = {},
  ) {
    const title = options.title ?? 'The WeChat Pay configuration is wrong';
    const list =
      problems.length === 1
        ? ` ${problems.join()}`
        : problems.map((problem) => `\n  - ${problem}`).join('');
    super(options.code ?? 'CONFIGURATION_INVALID', `${title}:${list}`);
    this.problems = [...problems];
  }
}
branded(WechatPayConfigurationError, 'WechatPayConfigurationError');

/**
 * The arguments of a call cannot be sent: a path parameter that changes the path, an encrypted
 * field longer than RSA can hold, a body that JSON cannot express. Nothing was sent.
 *
 * @publicApi
 */
export class WechatPayRequestError extends WechatPayError {
  constructor(message: string, facts: WechatPayErrorFacts & { code?: 'HOST_NOT_ALLOWED' } = {}) {
    super(facts.code ?? 'REQUEST_INVALID', message, facts);
  }
}
branded(WechatPayRequestError, 'WechatPayRequestError');

/** Codes of {@link WechatPayTransportError}. */
export type TransportErrorCode =
  | 'CONNECTION_FAILED'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'CLOSED'
  | 'CIRCUIT_OPEN'
  | 'OVERLOADED'
  | 'ANSWER_TOO_LARGE';

/**
 * The platform could not be reached or did not answer in time, and nothing was changed by it:
 * either nothing was sent, or the request was a read. `CIRCUIT_OPEN` (no host answers) and
 * `OVERLOADED` (too many calls at the same time) come at once, with `retryAfterMs`. A merchant that is
 * looked for fails in the same way, with `OVERLOADED` or `TIMEOUT`, and `CLOSED` when it was removed.
 *
 * @publicApi
 */
export class WechatPayTransportError extends WechatPayError {
  /** Which attempt of the call failed, from 1. */
  readonly attempt: number;
  /** Whether any byte of the request may have left the process. */
  readonly wasSent: boolean;
  /** The host that the attempt was for; `undefined` when it had not come that far. */
  readonly origin: string | undefined;

  constructor(
    code: TransportErrorCode,
    message: string,
    facts: WechatPayErrorFacts & { attempt?: number; wasSent?: boolean; origin?: string } = {},
  ) {
    super(code, message, facts);
    this.attempt = facts.attempt ?? 1;
    this.wasSent = facts.wasSent ?? false;
    this.origin = facts.origin;
  }
}
branded(WechatPayTransportError, 'WechatPayTransportError');

/**
 * The number of the merchant's own that makes a repeated request the same one.
 *
 * @publicApi
 */
export interface BusinessNumber {
  /** The platform's name for it, such as `out_trade_no`. */
  readonly name: string;
  readonly value: string;
}

/**
 * A write was sent and its result is not known: it timed out, was cut off, or came back
 * unverifiable. Query by your own number, or repeat it with the identical number and parameters;
 * a new number may pay or refund twice. `settle()` of the client's methods does both.
 *
 * @publicApi
 */
export class WechatPayUnknownResultError extends WechatPayError {
  /** The number to query or repeat by, where the operation has one. */
  readonly businessNumber: BusinessNumber | undefined;
  /** The query that tells: `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`. */
  readonly query: string | undefined;

  constructor(
    message: string,
    facts: WechatPayErrorFacts & {
      businessNumber?: BusinessNumber | undefined;
      query?: string | undefined;
    },
  ) {
    super('RESULT_UNKNOWN', message, { isRetryable: true, ...facts, isResultUnknown: true });
    this.businessNumber = facts.businessNumber;
    this.query = facts.query;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), businessNumber: this.businessNumber, query: this.query };
  }
}
branded(WechatPayUnknownResultError, 'WechatPayUnknownResultError');

/**
 * An answer or a notification does not carry a valid signature of the platform, so nothing in it
 * was believed. The codes `SIGNATURE_…` say why; do not show the reason to a stranger.
 *
 * @publicApi
 */
export class WechatPaySignatureError extends WechatPayError {
  /** Whether the value was a deliberate probe of the platform (`WECHATPAY/SIGNTEST/…`). */
  readonly isProbe: boolean;
  /** The `Wechatpay-Serial` that was named, if it was well-formed. */
  readonly serial: string | undefined;

  constructor(
    code: Extract<WechatPayErrorCode, `SIGNATURE_${string}`>,
    message: string,
    facts: WechatPayErrorFacts & { isProbe?: boolean; serial?: string | undefined } = {},
  ) {
    super(code, message, facts);
    this.isProbe = facts.isProbe ?? false;
    this.serial = facts.serial;
  }
}
branded(WechatPaySignatureError, 'WechatPaySignatureError');

/**
 * Keys cannot be had: the merchant credential does not load, or no platform key is available to
 * verify or encrypt with.
 *
 * @publicApi
 */
export class WechatPayCertificateError extends WechatPayError {
  constructor(
    code:
      | 'CREDENTIAL_UNAVAILABLE'
      | 'CERTIFICATES_UNAVAILABLE'
      | 'CERTIFICATES_INVALID'
      | 'NO_PLATFORM_KEY',
    message: string,
    facts: WechatPayErrorFacts = {},
  ) {
    super(code, message, facts);
  }
}
branded(WechatPayCertificateError, 'WechatPayCertificateError');

/**
 * A ciphertext does not open with the key at hand. After a good signature this means that the
 * APIv3 key (APIv3密钥) or the merchant key is not the one the platform holds.
 *
 * @publicApi
 */
export class WechatPayDecryptionError extends WechatPayError {
  constructor(message: string, facts: WechatPayErrorFacts = {}) {
    super('DECRYPTION_FAILED', message, facts);
  }
}
branded(WechatPayDecryptionError, 'WechatPayDecryptionError');

/**
 * A store failed or did not answer in time. Without its certificate store the library goes on from
 * memory, and events tell of it; without its inbox a notification is not handled, and the platform
 * comes back.
 *
 * @publicApi
 */
export class WechatPayStoreError extends WechatPayError {
  /** `STORE_ENTRY_INVALID`: the store works, but what it holds for a merchant is not usable. */
  constructor(message: string, facts: WechatPayErrorFacts & { code?: 'STORE_ENTRY_INVALID' } = {}) {
    super(facts.code ?? 'STORE_FAILED', message, facts);
  }
}
branded(WechatPayStoreError, 'WechatPayStoreError');

/** Codes of {@link WechatPayNotificationError}. */
export type NotificationErrorCode =
  | 'NOTIFICATION_BUSY'
  | 'NOTIFICATION_LATE'
  | 'NOTIFICATION_FAILED'
  | 'NOTIFICATION_UNHANDLED'
  | 'NOTIFICATION_NOT_QUEUED'
  | 'NOTIFICATION_REFUSED'
  | 'NOTIFICATION_MISMATCH';

/** No repetition helps. */
const FINAL: ReadonlySet<NotificationErrorCode> = new Set([
  'NOTIFICATION_MISMATCH',
  'NOTIFICATION_REFUSED',
]);

/**
 * A genuine notification was not handled, and the platform is told to come back: the same event is
 * being handled now (`BUSY`), a handler takes longer than the platform waits (`LATE`) or has failed
 * (`FAILED`; `cause` says why, an `AggregateError` when several did), none is there for it
 * (`UNHANDLED`), the queue did not take it (`NOT_QUEUED`), or it differs from your own order
 * (`MISMATCH`: somebody must look). `REFUSED` is what a queue holds and the platform never sent.
 *
 * @publicApi
 */
export class WechatPayNotificationError extends WechatPayError {
  /** The `id` of the notification, where it was verified. */
  readonly notificationId: string | undefined;

  constructor(
    code: NotificationErrorCode,
    message: string,
    facts: WechatPayErrorFacts & { notificationId?: string | undefined } = {},
  ) {
    super(code, message, { isRetryable: !FINAL.has(code), ...facts });
    this.notificationId = facts.notificationId;
  }
}
branded(WechatPayNotificationError, 'WechatPayNotificationError');
