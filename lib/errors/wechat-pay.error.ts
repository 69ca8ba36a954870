import type { WechatPayErrorCode } from './codes.js';
import { safeCause } from './redact.js';

/** Facts that any error may carry beside its code; none of them is ever secret or personal. */
export interface WechatPayErrorFacts {
  /** What went wrong underneath; of a foreign error a redacted copy is kept. */
  readonly cause?: unknown;
  /** The platform's `Request-ID`, for its support. */
  readonly requestId?: string | undefined;
  /** Whether sending the very same request again, with the same business number, can help. */
  readonly isRetryable?: boolean;
  /**
   * Whether the platform may have executed the request. Query by your own number, or repeat with
   * the identical number and parameters; never with a new number.
   */
  readonly isResultUnknown?: boolean;
  /** How long to wait before that, in milliseconds, where it is known. */
  readonly retryAfterMs?: number | undefined;
}

const brandOf = (name: string): symbol => Symbol.for(`nestjs-wechatpay/error/${name}`);

/**
 * Lets `instanceof` work across several copies of this package in one process: class and instances
 * share a registry symbol. Subclasses made by an application keep the ordinary behaviour.
 *
 * @internal
 */
export function branded<T extends abstract new (...args: never[]) => Error>(
  type: T,
  name: string,
): void {
  const brand = brandOf(name);
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type.prototype, 'name', { value: name });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === 'object' && value !== null && brand in value;
    },
  });
}

/**
 * Base of everything this library throws on purpose (programmer mistakes in pure functions are
 * `TypeError` and `RangeError`). Messages say what happened and what to do; they never hold a key,
 * a signature, an `Authorization` header, an openid or other personal data.
 *
 * @publicApi
 */
export class WechatPayError extends Error {
  /** Stable machine-readable code. */
  readonly code: WechatPayErrorCode;
  /** The platform's `Request-ID`, where an answer had one. */
  readonly requestId: string | undefined;
  /** Whether sending the same request again, with the same business number, can help. */
  readonly isRetryable: boolean;
  /** Whether the platform may have executed the request all the same. */
  readonly isResultUnknown: boolean;
  /** How long to wait before sending it again, in milliseconds, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: WechatPayErrorCode, message: string, facts: WechatPayErrorFacts = {}) {
    const { cause } = facts;
    const kept = cause instanceof WechatPayError ? cause : safeCause(cause);
    super(message, kept === undefined ? undefined : { cause: kept });
    this.code = code;
    this.requestId = facts.requestId;
    this.isRetryable = facts.isRetryable ?? false;
    this.isResultUnknown = facts.isResultUnknown ?? false;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** What loggers that serialise errors get: facts without the cause and the stack. */
  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      requestId: this.requestId,
      isRetryable: this.isRetryable,
      isResultUnknown: this.isResultUnknown,
      retryAfterMs: this.retryAfterMs,
    };
  }
}
branded(WechatPayError, 'WechatPayError');
