/**
 * Every code there is, for tests and tools that must know all of them.
 *
 * @internal
 */
export const ERROR_CODES = [
  'CONFIGURATION_INVALID',
  'RAW_BODY_MISSING',
  'MERCHANT_UNKNOWN',
  'REQUEST_INVALID',
  'HOST_NOT_ALLOWED',
  'CONNECTION_FAILED',
  'TIMEOUT',
  'ABORTED',
  'CLOSED',
  'CIRCUIT_OPEN',
  'OVERLOADED',
  'ANSWER_TOO_LARGE',
  'ANSWER_NOT_JSON',
  'RESULT_UNKNOWN',
  'API_ERROR',
  'SIGNATURE_MISSING',
  'SIGNATURE_MALFORMED',
  'SIGNATURE_EXPIRED',
  'SIGNATURE_TYPE_UNSUPPORTED',
  'SIGNATURE_KEY_UNKNOWN',
  'SIGNATURE_INVALID',
  'CREDENTIAL_UNAVAILABLE',
  'CERTIFICATES_UNAVAILABLE',
  'CERTIFICATES_INVALID',
  'NO_PLATFORM_KEY',
  'DECRYPTION_FAILED',
  'STORE_FAILED',
  'STORE_ENTRY_INVALID',
  'NOTIFICATION_BUSY',
  'NOTIFICATION_LATE',
  'NOTIFICATION_FAILED',
  'NOTIFICATION_UNHANDLED',
  'NOTIFICATION_NOT_QUEUED',
  'NOTIFICATION_REFUSED',
  'NOTIFICATION_MISMATCH',
  'BILL_NOT_READY',
  'BILL_INVALID',
  'BILL_TOO_LARGE',
  'BILL_NOT_SAVED',
] as const;

/**
 * Every `code` that a {@link WechatPayError} can carry. Stable: codes are added, never renamed
 * within a major version. Switch on the code, never on the message.
 *
 * @publicApi
 */
export type WechatPayErrorCode = (typeof ERROR_CODES)[number];
