import type { Readable } from 'node:stream';
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
}

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
}

/**
 * A verified answer.
 *
 * @publicApi
 */
export interface WechatPayAnswer<T> {
  /** HTTP status, 200 to 299. */
  readonly status: number;
  /** The parsed body; `undefined` for 204 and other empty answers. */
  readonly data: T;
  /** The platform's `Request-ID`, for its support. */
  readonly requestId: string | undefined;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
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
