// Generated from tools/spec by tools/generate.mjs; do not edit.

export type {
  PlatformCertificatesAlgorithmType,
  PlatformCertificatesEncryptCertificate,
  PlatformCertificatesItem,
  PlatformCertificatesResponse,
} from './certificates/certificates.js';
export type {
  PartnerAppPayer,
  PartnerAppPrepayRequest,
  PartnerAppPrepayResponse,
  PartnerAppSceneInfo,
} from './partner-payments/app.js';
export type {
  PartnerH5Info,
  PartnerH5Payer,
  PartnerH5PrepayRequest,
  PartnerH5PrepayResponse,
  PartnerH5SceneInfo,
} from './partner-payments/h5.js';
export type {
  PartnerJsapiPayer,
  PartnerJsapiPrepayRequest,
  PartnerJsapiPrepayResponse,
  PartnerJsapiSceneInfo,
} from './partner-payments/jsapi.js';
export type {
  PartnerNativePayer,
  PartnerNativePrepayRequest,
  PartnerNativePrepayResponse,
  PartnerNativeSceneInfo,
} from './partner-payments/native.js';
export type {
  PartnerPaymentCloseOrderRequest,
  PartnerPaymentSettleInfo,
  PartnerPaymentTransaction,
  PartnerPaymentTransactionPayer,
  PartnerPaymentTransactionSettleInfo,
} from './partner-payments/shared.js';
export type {
  AppPayer,
  AppPrepayRequest,
  AppPrepayResponse,
  AppSceneInfo,
} from './payments/app.js';
export type {
  H5Info,
  H5Payer,
  H5PrepayRequest,
  H5PrepayResponse,
  H5SceneInfo,
} from './payments/h5.js';
export type {
  JsapiPayer,
  JsapiPrepayRequest,
  JsapiPrepayResponse,
  JsapiSceneInfo,
} from './payments/jsapi.js';
export type {
  NativePayer,
  NativePrepayRequest,
  NativePrepayResponse,
  NativeSceneInfo,
} from './payments/native.js';
export type {
  PaymentCloseOrderRequest,
  PaymentSettleInfo,
  PaymentTransaction,
  PaymentTransactionPayer,
} from './payments/shared.js';
export type {
  Refund,
  RefundAbnormalReceiveType,
  RefundAccount,
  RefundAmount,
  RefundApplyAbnormalRequest,
  RefundBankType,
  RefundChannel,
  RefundCreateAmount,
  RefundCreateFundsAccount,
  RefundCreateRequest,
  RefundFundsAccount,
  RefundFundsFromAccount,
  RefundFundsFromItem,
  RefundGoodsDetail,
  RefundPromotion,
  RefundPromotionScope,
  RefundPromotionType,
  RefundStatus,
} from './refund/refund.js';
export type {
  PaymentAmount,
  PaymentDetail,
  PaymentGoodsDetail,
  PaymentInstallmentInfo,
  PaymentLimitPay,
  PaymentPayerIdentity,
  PaymentPayerIdentityType,
  PaymentPromotionDetail,
  PaymentPromotionGoodsDetail,
  PaymentPromotionScope,
  PaymentPromotionType,
  PaymentStoreInfo,
  PaymentSubsidyDetail,
  PaymentSubsidyInfo,
  PaymentSubsidyPeriodType,
  PaymentSubsidyPlan,
  PaymentTradeState,
  PaymentTradeType,
  PaymentTransactionAmount,
  PaymentTransactionDetail,
  PaymentTransactionGoodsDetail,
  PaymentTransactionSceneInfo,
  PaymentTransactionStoreInfo,
} from './shared/payment.js';
