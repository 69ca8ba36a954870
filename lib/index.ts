export * from './api/index.js';
export {
  CertificateProvider,
  DirectoryCertificateStore,
  MemoryCertificateStore,
  PlatformKeyRing,
  type CertificateStore,
  type KeyUsage,
  type MemoryCertificateStoreOptions,
  type PlatformKey,
  type RefreshStatus,
  type RenewalOptions,
  type SignedAnswer,
} from './certificates/index.js';
export {
  CHANNELS,
  type AttemptEvent,
  type BreakerEvent,
  type CallEvent,
  type NotificationEvent,
} from './diagnostics/index.js';
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
  type SettledOrder,
  type WechatPayClientCallOptions,
  type WechatPayPartnerClient,
} from './client/index.js';
export {
  WechatPayApiError,
  WechatPayBillError,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayNotificationError,
  WechatPayError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayStoreError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
  type ApiErrorDetail,
  type BusinessNumber,
  type SignInformation,
  type WechatPayErrorCode,
} from './errors/index.js';
export type { CertificateOwner, KeyEvent } from './events/index.js';
export {
  WechatPayMerchants,
  type MerchantContext,
  type WechatPayMerchantsOptions,
} from './context/index.js';
export { WechatPayHealthIndicator, type WechatPayHealthOptions } from './health/index.js';
export {
  WechatPayHttpService,
  type HttpMethod,
  type WechatPayAnswer,
  type WechatPayCallOptions,
  type WechatPayFailedCall,
  type WechatPayFallback,
  type WechatPayLoad,
  type WechatPayRequest,
  type WechatPayStream,
  type WechatPayStreamOptions,
} from './http/index.js';
export {
  credentialFrom,
  fromEnv,
  fromFile,
  fromKms,
  fromValue,
  kmsSigner,
  MerchantCredentialProvider,
  type CredentialField,
  type CredentialFields,
  type CredentialInput,
  type CredentialMaterial,
  type CredentialSource,
  type FileFieldOptions,
  type KmsDecryptClient,
  type KmsFieldOptions,
  type KmsSignClient,
  type MerchantCredential,
  type Signer,
} from './merchant/index.js';
export {
  assertMatchesOrder,
  assertMatchesRefund,
  MemoryNotificationInbox,
  OnWechatPayNotification,
  useWechatPayRawBody,
  WechatPayNotification,
  WechatPayNotifications,
  WechatPayNotify,
  WechatPayNotifyGuard,
  type ExpectedOrder,
  type ExpectedRefund,
  type InboxClaim,
  type MemoryNotificationInboxOptions,
  type NotificationCounts,
  type NotificationInbox,
  type NotificationQueue,
  type NotificationTally,
  type OnWechatPayNotificationOptions,
  type ProfitSharingPayload,
  type QueuedNotification,
  type RefundPayload,
  type SqlTransaction,
  type TransactionPayload,
  type WechatPayEventKind,
  type WechatPayEventType,
  type WechatPayNotificationExtras,
  type WechatPayNotificationPayloads,
  type WechatPayNotifyOptions,
  type WechatPayRawBodyOptions,
} from './notification/index.js';
export {
  PaymentReconciler,
  TradeBillReconciler,
  type BillDifference,
  type BillTotals,
  type ReconcileOptions,
  type ReconcileReport,
  type ShopTrade,
  type TradeBillDay,
  type TradeBillOptions,
  type TradeBillQuery,
  type TradeBillSource,
  type Unsettled,
  type UnsettledSource,
} from './reconcile/index.js';
export type { HttpDispatcher } from './transport/index.js';
export { wechatPayConfig, type WechatPayConfig } from './wechat-pay.config.js';
export type { WechatPayConfigClients } from './wechat-pay.environment.js';
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
export {
  WechatPayMerchantsModule,
  type WechatPayMerchantsModuleExtras,
} from './wechat-pay-merchants.module.js';
export type { WechatPayModuleExtras } from './wechat-pay.module-definition.js';
export type {
  WechatPayCredentialOptions,
  WechatPayHttpOptions,
  WechatPayOptions,
  WechatPayPlatformOptions,
  WechatPayPublicKeyOptions,
  WechatPayTlsOptions,
} from './wechat-pay.options.js';
export { VERSION } from './version.js';
