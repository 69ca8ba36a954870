export type { WechatPayErrorCode } from './codes.js';
export { WechatPayError, type WechatPayErrorFacts } from './wechat-pay.error.js';
export {
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayStoreError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
  type TransportErrorCode,
} from './errors.js';
export {
  WechatPayApiError,
  type ApiErrorDetail,
  type ApiErrorSource,
  type SignInformation,
} from './api.error.js';
export { redactTarget, redactText } from './redact.js';
