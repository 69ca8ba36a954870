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
 * Body of `payments.app.closeOrder`, `payments.h5.closeOrder`, `payments.jsapi.closeOrder` and 1 more.
 *
 * @publicApi
 */
export interface PaymentCloseOrderRequest {
  mchid: string;
}

/**
 * `settle_info` of `AppPrepayRequest`, `H5PrepayRequest`, `JsapiPrepayRequest` and 1 more.
 *
 * @publicApi
 */
export interface PaymentSettleInfo {
  profit_sharing?: boolean;
}

/**
 * Answer of `payments.app.queryOrderById`, `payments.app.queryOrderByOutTradeNo`, `payments.h5.queryOrderById` and 5 more.
 *
 * @publicApi
 */
export interface PaymentTransaction {
  readonly amount?: PaymentTransactionAmount;
  readonly appid?: string;
  readonly attach?: string;
  readonly bank_type?: string;
  readonly mchid?: string;
  readonly out_trade_no?: string;
  readonly payer?: PaymentTransactionPayer;
  readonly promotion_detail?: readonly PaymentPromotionDetail[];
  /** RFC 3339 date and time. */
  readonly success_time?: string;
  readonly trade_state?: PaymentTradeState;
  readonly trade_state_desc?: string;
  readonly trade_type?: PaymentTradeType;
  readonly transaction_id?: string;
  readonly scene_info?: PaymentTransactionSceneInfo;
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
 * `payer` of `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentTransactionPayer {
  readonly openid?: string;
}
