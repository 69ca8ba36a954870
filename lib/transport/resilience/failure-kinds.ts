import {
  WechatPayApiError,
  WechatPayError,
  WechatPaySignatureError,
  WechatPayTransportError,
  type WechatPayErrorCode,
} from '../../errors/index.js';

/** The network, not the platform, failed on the way to a host: another one may be reached. */
export function isConnectionFailure(error: unknown): error is WechatPayTransportError {
  return (
    error instanceof WechatPayTransportError &&
    error.origin !== undefined && // a call whose keys did not come in time is no fault of a host
    (error.code === 'CONNECTION_FAILED' || error.code === 'TIMEOUT')
  );
}

/** What speaks against a host: it cannot be reached, does not answer, or answers 5xx. */
export function isHostFailure(error: unknown): boolean {
  return isConnectionFailure(error) || (error instanceof WechatPayApiError && error.status >= 500);
}

/** Errors that only an answer can lead to. */
const OF_ANSWERS: ReadonlySet<WechatPayErrorCode> = new Set([
  'API_ERROR',
  'ANSWER_TOO_LARGE',
  'ANSWER_NOT_JSON',
  'DECRYPTION_FAILED',
]);

/** Whether the host answered, whatever it said. */
export function isOfAnswer(error: unknown): boolean {
  if (error instanceof WechatPaySignatureError) return true;
  return error instanceof WechatPayError && OF_ANSWERS.has(error.code);
}

/** Nothing of the request left: it can go elsewhere, whatever it was. */
export function isUnsent(error: unknown): boolean {
  return isConnectionFailure(error) && !error.wasSent;
}

/**
 * Whether the same request may do better, given that it may be repeated at all. A signature that does
 * not hold may be a probe of the platform (签名探测流量), whose repetition is signed properly.
 */
export function isWorthRepeating(error: unknown): boolean {
  if (error instanceof WechatPaySignatureError) return error.code !== 'SIGNATURE_KEY_UNKNOWN';
  if (error instanceof WechatPayApiError) return error.status === 429 || error.status >= 500;
  return isConnectionFailure(error) && error.isRetryable;
}
