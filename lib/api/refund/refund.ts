// Generated from tools/spec/refund.json by tools/generate.mjs; do not edit.

import type { Operation } from '../operation.js';

/**
 * Answer of `refund.applyAbnormalRefund`, `refund.create`, `refund.queryByOutRefundNo`.
 *
 * @publicApi
 */
export interface Refund {
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly transaction_id: string;
  readonly out_trade_no: string;
  readonly user_received_account: string;
  /** RFC 3339 date and time. */
  readonly success_time?: string;
  /** RFC 3339 date and time. */
  readonly create_time: string;
  readonly promotion_detail?: readonly RefundPromotion[];
  readonly amount: RefundAmount;
  readonly channel: RefundChannel;
  readonly funds_account?: RefundFundsAccount;
  readonly status: RefundStatus;
  readonly refund_account?: RefundAccount;
}

/**
 * `type` of `RefundApplyAbnormalRequest`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundAbnormalReceiveType = 'USER_BANK_CARD' | 'MERCHANT_BANK_CARD' | (string & {});

/**
 * `refund_account` of `Refund`, `RefundCreateRequest`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundAccount =
  | 'REFUND_SOURCE_PARTNER_ADVANCE'
  | 'REFUND_SOURCE_SUB_MERCHANT'
  | 'REFUND_SOURCE_SUB_MERCHANT_ADVANCE'
  | (string & {});

/**
 * `amount` of `Refund`.
 *
 * @publicApi
 */
export interface RefundAmount {
  /** Integer, in fen. */
  readonly total: number;
  /** Integer, in fen. */
  readonly refund: number;
  readonly from?: readonly RefundFundsFromItem[];
  /** Integer, in fen. */
  readonly payer_total: number;
  /** Integer, in fen. */
  readonly payer_refund: number;
  /** Integer, in fen. */
  readonly settlement_refund: number;
  /** Integer, in fen. */
  readonly settlement_total: number;
  /** Integer, in fen. */
  readonly discount_refund: number;
  readonly currency: string;
  /** Integer, in fen. */
  readonly refund_fee?: number;
  readonly advance?: number;
}

/**
 * Body of `refund.applyAbnormalRefund`.
 *
 * @publicApi
 */
export interface RefundApplyAbnormalRequest {
  out_refund_no: string;
  type: RefundAbnormalReceiveType;
  bank_type?: RefundBankType;
  /** Sent encrypted: give the plain text, the client encrypts it. */
  bank_account?: string;
  /** Sent encrypted: give the plain text, the client encrypts it. */
  real_name?: string;
  sub_mchid?: string;
}

/**
 * `bank_type` of `RefundApplyAbnormalRequest`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundBankType =
  | 'CMB_DEBIT'
  | 'COMM_DEBIT'
  | 'ABC_DEBIT'
  | 'CCB_DEBIT'
  | 'ICBC_DEBIT'
  | 'BOC_DEBIT'
  | 'PAB_DEBIT'
  | 'SPDB_DEBIT'
  | 'CITIC_DEBIT'
  | 'CEB_DEBIT'
  | 'CMBC_DEBIT'
  | 'CIB_DEBIT'
  | 'GDB_DEBIT'
  | 'PSBC_DEBIT'
  | 'NBCB_DEBIT'
  | (string & {});

/**
 * `channel` of `Refund`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundChannel =
  'ORIGINAL' | 'BALANCE' | 'OTHER_BALANCE' | 'OTHER_BANKCARD' | (string & {});

/**
 * `amount` of `RefundCreateRequest`.
 *
 * @publicApi
 */
export interface RefundCreateAmount {
  /** Integer, in fen. */
  refund: number;
  from?: RefundFundsFromItem[];
  /** Integer, in fen. */
  total: number;
  currency: string;
}

/**
 * `funds_account` of `RefundCreateRequest`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundCreateFundsAccount = 'AVAILABLE' | 'UNSETTLED' | (string & {});

/**
 * Body of `refund.create`.
 *
 * @publicApi
 */
export interface RefundCreateRequest {
  sub_mchid?: string;
  transaction_id?: string;
  out_trade_no?: string;
  out_refund_no: string;
  reason?: string;
  notify_url?: string;
  goods_detail?: RefundGoodsDetail[];
  amount: RefundCreateAmount;
  funds_account?: RefundCreateFundsAccount;
  refund_account?: RefundAccount;
}

/**
 * `funds_account` of `Refund`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundFundsAccount =
  'UNSETTLED' | 'AVAILABLE' | 'UNAVAILABLE' | 'OPERATION' | 'BASIC' | 'ECNY_BASIC' | (string & {});

/**
 * `account` of `RefundFundsFromItem`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundFundsFromAccount = 'AVAILABLE' | 'UNAVAILABLE' | (string & {});

/**
 * `from` of `RefundAmount`, `RefundCreateAmount`.
 *
 * @publicApi
 */
export interface RefundFundsFromItem {
  /** Integer, in fen. */
  amount: number;
  account: RefundFundsFromAccount;
}

/**
 * `goods_detail` of `RefundPromotion`, `RefundCreateRequest`.
 *
 * @publicApi
 */
export interface RefundGoodsDetail {
  merchant_goods_id: string;
  wechatpay_goods_id?: string;
  goods_name?: string;
  /** Integer, in fen. */
  unit_price: number;
  /** Integer, in fen. */
  refund_amount: number;
  refund_quantity: number;
}

/**
 * `promotion_detail` of `Refund`.
 *
 * @publicApi
 */
export interface RefundPromotion {
  readonly promotion_id: string;
  /** Integer, in fen. */
  readonly amount: number;
  /** Integer, in fen. */
  readonly refund_amount: number;
  readonly goods_detail?: readonly RefundGoodsDetail[];
  readonly scope: RefundPromotionScope;
  readonly type: RefundPromotionType;
}

/**
 * `scope` of `RefundPromotion`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundPromotionScope = 'GLOBAL' | 'SINGLE' | (string & {});

/**
 * `type` of `RefundPromotion`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundPromotionType = 'COUPON' | 'DISCOUNT' | 'CASH' | 'NOCASH' | (string & {});

/**
 * `status` of `Refund`.
 *
 * An open list: the platform adds values without notice.
 *
 * @publicApi
 */
export type RefundStatus = 'SUCCESS' | 'CLOSED' | 'PROCESSING' | 'ABNORMAL' | (string & {});

/**
 * Operations of `refund`.
 *
 * @internal
 */
export const refundOperations = {
  /**
   * Refund: apply abnormal refund.
   *
   * `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`
   *
   * Idempotent by `out_refund_no`: may be repeated with every parameter unchanged, a minute later or more.
   */
  applyAbnormalRefund: {
    id: 'refund.applyAbnormalRefund',
    method: 'POST',
    path: '/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund',
    pathParams: ['refund_id'],
    queryParams: [],
    hasBody: true,
    encrypted: ['bank_account', 'real_name'],
    decrypted: [],
    idempotency: {
      by: 'out_refund_no',
      in: 'body',
      repeat: 'later',
      query: 'GET /v3/refund/domestic/refunds/{out_refund_no}',
    },
  } as Operation<{ refund_id: string }, Record<string, never>, RefundApplyAbnormalRequest, Refund>,

  /**
   * Refund: create.
   *
   * `POST /v3/refund/domestic/refunds`
   *
   * Idempotent by `out_refund_no`: may be repeated with every parameter unchanged, a minute later or more.
   */
  create: {
    id: 'refund.create',
    method: 'POST',
    path: '/v3/refund/domestic/refunds',
    pathParams: [],
    queryParams: [],
    hasBody: true,
    encrypted: [],
    decrypted: [],
    idempotency: {
      by: 'out_refund_no',
      in: 'body',
      repeat: 'later',
      query: 'GET /v3/refund/domestic/refunds/{out_refund_no}',
    },
  } as Operation<Record<string, never>, Record<string, never>, RefundCreateRequest, Refund>,

  /**
   * Refund: query by out refund no.
   *
   * `GET /v3/refund/domestic/refunds/{out_refund_no}`
   */
  queryByOutRefundNo: {
    id: 'refund.queryByOutRefundNo',
    method: 'GET',
    path: '/v3/refund/domestic/refunds/{out_refund_no}',
    pathParams: ['out_refund_no'],
    queryParams: ['sub_mchid'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<{ out_refund_no: string }, { sub_mchid?: string }, undefined, Refund>,
} as const;
