import {
  WechatPayApiError,
  WechatPayError,
  WechatPayUnknownResultError,
  type BusinessNumber,
} from '../errors/index.js';
import type { HttpMethod } from './http.interface.js';

/** Statuses that say nothing of what an earlier attempt has done. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([401, 429]);

/** What is known of a call that failed. */
export interface FailedCall {
  readonly method: HttpMethod;
  /** Whether the platform may have executed one of its attempts. */
  readonly mayHaveRun: boolean;
  readonly businessNumber: BusinessNumber | undefined;
  readonly query: string | undefined;
}

/** What failed after a write was sent has an unknown result; a read can simply be repeated. */
export function classify(error: unknown, call: FailedCall): unknown {
  const { method, mayHaveRun, businessNumber, query } = call;
  if (method === 'GET' || !mayHaveRun || !(error instanceof WechatPayError)) return error;
  // The platform looked at this very number and said so, or said itself that it does not know.
  if (error instanceof WechatPayApiError && !SAYS_NOTHING.has(error.status)) return error;
  const remedy =
    query === undefined
      ? 'Query by your own number, or repeat it with the identical number and parameters'
      : `Ask ${query}, or repeat it with the identical ${businessNumber?.name ?? 'number'} and parameters`;
  return new WechatPayUnknownResultError(
    `The ${method} was sent, and its result is not known (${error.code}: ${error.message}). ${remedy}`,
    { cause: error, requestId: error.requestId, businessNumber, query },
  );
}
