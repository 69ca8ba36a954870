export * from './api/index.js';
export {
  CertificateProvider,
  DirectoryCertificateStore,
  PlatformKeyRing,
  type CertificateStore,
  type KeyEvent,
  type PlatformKey,
  type RefreshStatus,
  type RenewalOptions,
  type SignedAnswer,
} from './certificates/index.js';
export {
  AppPayments,
  JsapiPayments,
  PaymentProduct,
  Refunds,
  requestIdOf,
  rfc3339,
  WechatPayClient,
  yuan,
  type AppInvocation,
  type JsapiInvocation,
  type OrderBody,
  type PartnerPayments,
  type Payments,
  type PrepayOptions,
  type WechatPayClientCallOptions,
  type WechatPayPartnerClient,
} from './client/index.js';
export {
  WechatPayApiError,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayStoreError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
  type ApiErrorDetail,
  type SignInformation,
  type WechatPayErrorCode,
} from './errors/index.js';
export { WechatPayHealthIndicator, type WechatPayHealthOptions } from './health/index.js';
export {
  WechatPayHttpService,
  type HttpMethod,
  type WechatPayAnswer,
  type WechatPayCallOptions,
  type WechatPayRequest,
  type WechatPayStream,
  type WechatPayStreamOptions,
} from './http/index.js';
export {
  MerchantCredentialProvider,
  type CredentialMaterial,
  type CredentialSource,
  type MerchantCredential,
} from './merchant/index.js';
export {
  useWechatPayRawBody,
  WechatPayNotification,
  WechatPayNotify,
  WechatPayNotifyGuard,
  type RefundPayload,
  type TransactionPayload,
  type WechatPayEventType,
  type WechatPayNotificationPayloads,
  type WechatPayNotifyOptions,
  type WechatPayRawBodyOptions,
} from './notification/index.js';
export type { HttpDispatcher } from './transport/index.js';
export { wechatPayConfig } from './wechat-pay.config.js';
export {
  getCertificateProviderToken,
  getMerchantCredentialProviderToken,
  getWechatPayClientToken,
  getWechatPayHttpToken,
} from './wechat-pay.constants.js';
export {
  InjectWechatPayClient,
  InjectWechatPayHttp,
  WechatPayModule,
} from './wechat-pay.module.js';
export type { WechatPayModuleExtras } from './wechat-pay.module-definition.js';
export type {
  WechatPayCredentialOptions,
  WechatPayHttpOptions,
  WechatPayOptions,
  WechatPayPlatformOptions,
  WechatPayPublicKeyOptions,
} from './wechat-pay.options.js';
export { VERSION } from './version.js';
