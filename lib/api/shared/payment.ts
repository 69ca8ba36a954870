// Generated from tools/spec by tools/generate.mjs; do not edit.

/**
 * `amount` of `PartnerAppPrepayRequest`, `PartnerH5PrepayRequest`, `PartnerJsapiPrepayRequest` and 5 more.
 *
 * @publicApi
 */
export interface PaymentAmount {
  /** Integer, in fen. */
  total: number;
  currency?: string;
}

/**
 * `detail` of `PartnerAppPrepayRequest`, `PartnerH5PrepayRequest`, `PartnerJsapiPrepayRequest` and 5 more.
 *
 * @publicApi
 */
export interface PaymentDetail {
  /** Integer, in fen. */
  cost_price?: number;
  invoice_id?: string;
  goods_detail?: PaymentGoodsDetail[];
}

/**
 * `goods_detail` of `PaymentDetail`.
 *
 * @publicApi
 */
export interface PaymentGoodsDetail {
  merchant_goods_id: string;
  wechatpay_goods_id?: string;
  goods_name?: string;
  quantity: number;
  /** Integer, in fen. */
  unit_price: number;
}

/**
 * `installment_info` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentInstallmentInfo {
  readonly use_subsidy: boolean;
  readonly selected_installment_number: number;
}

/**
 * `limit_pay` of `PartnerAppPrepayRequest`, `PartnerPaymentTransaction`, `PartnerH5PrepayRequest` and 7 more.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentLimitPay =
  'no_balance' | 'no_credit' | 'no_debit' | 'balance_only' | (string & {});

/**
 * `identity` of `PartnerAppPayer`, `PartnerH5Payer`, `PartnerJsapiPayer` and 5 more.
 *
 * @publicApi
 */
export interface PaymentPayerIdentity {
  type: PaymentPayerIdentityType;
  /** Sent encrypted: give the plain text, the client encrypts it. */
  number: string;
  /** Sent encrypted: give the plain text, the client encrypts it. */
  name: string;
}

/**
 * `type` of `PaymentPayerIdentity`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentPayerIdentityType =
  | 'IDCARD'
  | 'HONGKONG_MACAO'
  | 'HONGKONG_MACAO_RESIDENT'
  | 'TAIWAN_RESIDENT'
  | 'FOREIGN_RESIDENT'
  | 'OVERSEA_PASSPORT'
  | 'PHONE_NUMBER'
  | (string & {});

/**
 * `promotion_detail` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentPromotionDetail {
  readonly coupon_id?: string;
  readonly name?: string;
  readonly scope?: PaymentPromotionScope;
  readonly type?: PaymentPromotionType;
  /** Integer, in fen. */
  readonly amount?: number;
  readonly stock_id?: string;
  /** Integer, in fen. */
  readonly wechatpay_contribute?: number;
  /** Integer, in fen. */
  readonly merchant_contribute?: number;
  /** Integer, in fen. */
  readonly other_contribute?: number;
  readonly currency?: string;
  readonly goods_detail?: readonly PaymentPromotionGoodsDetail[];
}

/**
 * `goods_detail` of `PaymentPromotionDetail`.
 *
 * @publicApi
 */
export interface PaymentPromotionGoodsDetail {
  readonly goods_id: string;
  readonly quantity: number;
  /** Integer, in fen. */
  readonly unit_price: number;
  /** Integer, in fen. */
  readonly discount_amount: number;
  readonly goods_remark?: string;
}

/**
 * `scope` of `PaymentPromotionDetail`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentPromotionScope = 'GLOBAL' | 'SINGLE' | (string & {});

/**
 * `type` of `PaymentPromotionDetail`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentPromotionType = 'CASH' | 'NOCASH' | (string & {});

/**
 * `store_info` of `PartnerAppSceneInfo`, `PartnerH5SceneInfo`, `PartnerJsapiSceneInfo` and 5 more.
 *
 * @publicApi
 */
export interface PaymentStoreInfo {
  id: string;
  name?: string;
  area_code?: string;
  address?: string;
}

/**
 * `subsidy_detail` of `PaymentSubsidyInfo`.
 *
 * @publicApi
 */
export interface PaymentSubsidyDetail {
  subsidy_period_type: PaymentSubsidyPeriodType;
  subsidy_plan: PaymentSubsidyPlan[];
}

/**
 * `subsidy_info` of `PartnerAppPrepayRequest`, `PartnerJsapiPrepayRequest`, `AppPrepayRequest` and 1 more.
 *
 * @publicApi
 */
export interface PaymentSubsidyInfo {
  subsidy_detail?: PaymentSubsidyDetail[];
}

/**
 * `subsidy_period_type` of `PaymentSubsidyDetail`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentSubsidyPeriodType = 'DAILY' | 'PERIOD' | (string & {});

/**
 * `subsidy_plan` of `PaymentSubsidyDetail`.
 *
 * @publicApi
 */
export interface PaymentSubsidyPlan {
  /** The platform may add values. */
  subsidy_installment_num: 3 | 6 | 12 | (number & {});
  subsidy_percent: number;
}

/**
 * `trade_state` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentTradeState =
  | 'SUCCESS'
  | 'REFUND'
  | 'NOTPAY'
  | 'CLOSED'
  | 'REVOKED'
  | 'USERPAYING'
  | 'PAYERROR'
  | 'ACCEPT'
  | (string & {});

/**
 * `trade_type` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type PaymentTradeType =
  'JSAPI' | 'NATIVE' | 'APP' | 'MICROPAY' | 'MWEB' | 'FACEPAY' | (string & {});

/**
 * `amount` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentTransactionAmount {
  readonly currency?: string;
  readonly payer_currency?: string;
  /** Integer, in fen. */
  readonly payer_total?: number;
  /** Integer, in fen. */
  readonly total?: number;
}

/**
 * `detail` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentTransactionDetail {
  /** Integer, in fen. */
  readonly cost_price?: number;
  readonly invoice_id?: string;
  readonly goods_detail?: readonly PaymentTransactionGoodsDetail[];
}

/**
 * `goods_detail` of `PaymentTransactionDetail`.
 *
 * @publicApi
 */
export interface PaymentTransactionGoodsDetail {
  readonly merchant_goods_id: string;
  readonly wechatpay_goods_id?: string;
  readonly goods_name?: string;
  readonly quantity: number;
  /** Integer, in fen. */
  readonly unit_price: number;
}

/**
 * `scene_info` of `PartnerPaymentTransaction`, `PaymentTransaction`.
 *
 * @publicApi
 */
export interface PaymentTransactionSceneInfo {
  readonly device_id?: string;
  readonly payer_client_ip?: string;
  readonly store_info?: PaymentTransactionStoreInfo;
}

/**
 * `store_info` of `PaymentTransactionSceneInfo`.
 *
 * @publicApi
 */
export interface PaymentTransactionStoreInfo {
  readonly id?: string;
  readonly name: string;
  readonly area_code: string;
  readonly address: string;
}
