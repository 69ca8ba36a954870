export type { WechatPayErrorCode } from './codes.js';
export { WechatPayError, type WechatPayErrorFacts } from './wechat-pay.error.js';
export {
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayNotificationError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayStoreError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
  type BusinessNumber,
  type NotificationErrorCode,
  type TransportErrorCode,
} from './errors.js';
export {
  WechatPayApiError,
  type ApiErrorDetail,
  type ApiErrorSource,
  type SignInformation,
} from './api.error.js';
export { WechatPayBillError, type BillErrorCode } from './bill.error.js';
export { checkMessageOf, redactTarget, redactText } from './redact.js';
