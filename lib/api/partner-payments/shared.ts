// Generated from tools/spec by tools/generate.mjs; do not edit.

import type {
  PaymentInstallmentInfo,
  PaymentLimitPay,
  PaymentPromotionDetail,
  PaymentTradeState,
  PaymentTradeType,
  PaymentTransactionAmount,
  PaymentTransactionDetail,
  PaymentTransactionSceneInfo,
} from '../shared/payment.js';

/**
 * Body of `partnerPayments.app.closeOrder`, `partnerPayments.h5.closeOrder`, `partnerPayments.jsapi.closeOrder` and 1 more.
 *
 * @publicApi
 */
export interface PartnerPaymentCloseOrderRequest {
  sp_mchid: string;
  sub_mchid: string;
}

/**
 * `settle_info` of `PartnerAppPrepayRequest`, `PartnerH5PrepayRequest`, `PartnerJsapiPrepayRequest` and 1 more.
 *
 * @publicApi
 */
export interface PartnerPaymentSettleInfo {
  profit_sharing?: boolean;
  /** Integer, in fen. */
  subsidy_amount?: number;
}

/**
 * Answer of `partnerPayments.app.queryOrderById`, `partnerPayments.app.queryOrderByOutTradeNo`, `partnerPayments.h5.queryOrderById` and 5 more.
 *
 * @publicApi
 */
export interface PartnerPaymentTransaction {
  readonly amount?: PaymentTransactionAmount;
  readonly sp_appid?: string;
  readonly sub_appid?: string;
  readonly sp_mchid?: string;
  readonly sub_mchid?: string;
  readonly attach?: string;
  readonly bank_type?: string;
  readonly out_trade_no?: string;
  readonly payer?: PartnerPaymentTransactionPayer;
  readonly promotion_detail?: readonly PaymentPromotionDetail[];
  /** RFC 3339 date and time. */
  readonly success_time?: string;
  readonly trade_state?: PaymentTradeState;
  readonly trade_state_desc?: string;
  readonly trade_type?: PaymentTradeType;
  readonly transaction_id?: string;
  readonly scene_info?: PaymentTransactionSceneInfo;
  readonly settle_info?: PartnerPaymentTransactionSettleInfo;
  readonly description?: string;
  /** RFC 3339 date and time. */
  readonly time_expire?: string;
  readonly notify_url?: string;
  readonly goods_tag?: string;
  readonly limit_pay?: readonly PaymentLimitPay[];
  readonly support_fapiao?: boolean;
  readonly detail?: PaymentTransactionDetail;
  readonly installment_info?: PaymentInstallmentInfo;
}

/**
 * `payer` of `PartnerPaymentTransaction`.
 *
 * @publicApi
 */
export interface PartnerPaymentTransactionPayer {
  readonly sp_openid?: string;
  readonly sub_openid?: string;
}

/**
 * `settle_info` of `PartnerPaymentTransaction`.
 *
 * @publicApi
 */
export interface PartnerPaymentTransactionSettleInfo {
  readonly profit_sharing?: boolean;
  /** Integer, in fen. */
  readonly subsidy_amount?: number;
}
