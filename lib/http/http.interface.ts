import type { Readable } from 'node:stream';
import type { BusinessNumber, WechatPayError } from '../errors/index.js';
import type { QueryValue } from './target.js';

/** HTTP methods that the platform's operations use. */
export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Settings of one call.
 *
 * @publicApi
 */
export interface WechatPayCallOptions {
  /** Ends the call early; a write that was sent already then has an unknown result. */
  readonly signal?: AbortSignal | undefined;
  /** Total time of the call in milliseconds, 1 to 600,000. @default `http.timeoutMs`, 10,000 */
  readonly timeoutMs?: number | undefined;
  /** Appended to the path; values are percent-encoded, `undefined` leaves a name out. */
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  /** More headers, such as `Accept-Language`; those that carry the protocol cannot be set. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Fields of the body to encrypt for the platform: `payer.identity.name`, `list.[].name`. */
  readonly encrypted?: readonly string[] | undefined;
  /** Fields of the answer to decrypt with the merchant key, in the same notation. */
  readonly decrypted?: readonly string[] | undefined;
  /**
   * The number of your own that makes a repeated write the same one: `{ name: 'out_bill_no', value }`.
   * With it the call may send the write again, byte for byte, when its result is not known. Say it only
   * where the platform documents that number as the key of re-entry. @default a write is sent once
   */
  readonly idempotentBy?: BusinessNumber | undefined;
  /** Repetitions inside this call at most, 0 to 5. @default `http.retries`, 2 */
  readonly retries?: number | undefined;
}

/** What is known of a call that is one of the platform's operations. @internal */
export interface OperationFacts {
  readonly id: string;
  /** Its path template. */
  readonly route: string;
  /** `later`: idempotent, and not to be repeated inside a call. */
  readonly repeat: 'in-call' | 'later' | undefined;
  /** The query that tells what became of it. */
  readonly query: string | undefined;
}

/**
 * A call that failed, for `http.fallback`.
 *
 * @publicApi
 */
export interface WechatPayFailedCall {
  readonly method: HttpMethod;
  readonly path: string;
  /** Such as `payments.native.queryOrderByOutTradeNo`; `undefined` for a call by path. */
  readonly operation: string | undefined;
  readonly businessNumber: BusinessNumber | undefined;
}

/**
 * What the application has in place of an answer, or `undefined` to let the call fail. It has a second.
 * Never called for a write whose result is unknown.
 *
 * @publicApi
 */
export type WechatPayFallback = (error: WechatPayError, call: WechatPayFailedCall) => unknown;

/**
 * One call to the platform.
 *
 * @publicApi
 */
export interface WechatPayRequest extends WechatPayCallOptions {
  readonly method: HttpMethod;
  /** Absolute path, with a query or without: `/v3/pay/transactions/native`. */
  readonly path: string;
  /** Serialised once; the bytes signed are the bytes sent. `undefined` sends no body. */
  readonly body?: unknown;
  /** @internal */
  readonly operation?: OperationFacts | undefined;
}

/**
 * A verified answer.
 *
 * @publicApi
 */
export interface WechatPayAnswer<T> {
  /** HTTP status, 200 to 299; 503 for what `http.fallback` gave. */
  readonly status: number;
  /** The parsed body; `undefined` for 204 and other empty answers. */
  readonly data: T;
  /** The platform's `Request-ID`, for its support. */
  readonly requestId: string | undefined;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Set when `http.fallback` gave `data`, not the platform. */
  readonly isFallback?: true;
}

/**
 * Settings of a download.
 *
 * @publicApi
 */
export interface WechatPayStreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time until the answer begins, in milliseconds. @default `http.timeoutMs`, 10,000 */
  readonly headersTimeoutMs?: number | undefined;
  /** Longest pause between two pieces of the body, in milliseconds. @default 30,000 */
  readonly idleTimeoutMs?: number | undefined;
}

/**
 * A download that the platform does not sign: check it by the hash that came with its URL.
 *
 * @publicApi
 */
export interface WechatPayStream {
  readonly status: number;
  readonly requestId: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be consumed or destroyed. */
  readonly body: Readable;
}

/**
 * How busy a merchant is.
 *
 * @publicApi
 */
export interface WechatPayLoad {
  /** Calls that run. */
  readonly running: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  /** How many may run: `http.maxConcurrency`, and fewer for a while after a 429 of the platform. */
  readonly limit: number;
}
