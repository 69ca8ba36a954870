/**
 * Every `code` that a {@link WechatPayError} can carry. Stable: codes are added, never renamed
 * within a major version. Switch on the code, never on the message.
 *
 * @publicApi
 */
export type WechatPayErrorCode =
  | 'CONFIGURATION_INVALID'
  | 'RAW_BODY_MISSING'
  | 'MERCHANT_UNKNOWN'
  | 'REQUEST_INVALID'
  | 'HOST_NOT_ALLOWED'
  | 'CONNECTION_FAILED'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'CLOSED'
  | 'ANSWER_TOO_LARGE'
  | 'ANSWER_NOT_JSON'
  | 'RESULT_UNKNOWN'
  | 'API_ERROR'
  | 'SIGNATURE_MISSING'
  | 'SIGNATURE_MALFORMED'
  | 'SIGNATURE_EXPIRED'
  | 'SIGNATURE_TYPE_UNSUPPORTED'
  | 'SIGNATURE_KEY_UNKNOWN'
  | 'SIGNATURE_INVALID'
  | 'CREDENTIAL_UNAVAILABLE'
  | 'CERTIFICATES_UNAVAILABLE'
  | 'CERTIFICATES_INVALID'
  | 'NO_PLATFORM_KEY'
  | 'DECRYPTION_FAILED'
  | 'STORE_FAILED';
