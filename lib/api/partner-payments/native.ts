// Generated from tools/spec/partnerPayments.native.json by tools/generate.mjs; do not edit.

import type { Operation } from '../operation.js';
import type {
  PartnerPaymentCloseOrderRequest,
  PartnerPaymentSettleInfo,
  PartnerPaymentTransaction,
} from './shared.js';
import type {
  PaymentAmount,
  PaymentDetail,
  PaymentLimitPay,
  PaymentPayerIdentity,
  PaymentStoreInfo,
} from '../shared/payment.js';

/**
 * `payer` of `PartnerNativePrepayRequest`.
 *
 * @publicApi
 */
export interface PartnerNativePayer {
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `partnerPayments.native.prepay`.
 *
 * @publicApi
 */
export interface PartnerNativePrepayRequest {
  sp_appid: string;
  sp_mchid: string;
  sub_appid?: string;
  sub_mchid: string;
  description: string;
  out_trade_no: string;
  /** RFC 3339 date and time. */
  time_expire?: string;
  attach?: string;
  notify_url: string;
  goods_tag?: string;
  limit_pay?: PaymentLimitPay[];
  support_fapiao?: boolean;
  amount: PaymentAmount;
  detail?: PaymentDetail;
  settle_info?: PartnerPaymentSettleInfo;
  scene_info?: PartnerNativeSceneInfo;
  payer?: PartnerNativePayer;
}

/**
 * Answer of `partnerPayments.native.prepay`.
 *
 * @publicApi
 */
export interface PartnerNativePrepayResponse {
  readonly code_url: string;
}

/**
 * `scene_info` of `PartnerNativePrepayRequest`.
 *
 * @publicApi
 */
export interface PartnerNativeSceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
}

/**
 * Operations of `partnerPayments.native`.
 *
 * @internal
 */
export const partnerNativeOperations = {
  /**
   * Partner native payment: close order.
   *
   * `POST /v3/pay/partner/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'partnerPayments.native.closeOrder',
    method: 'POST',
    path: '/v3/pay/partner/transactions/out-trade-no/{out_trade_no}/close',
    pathParams: ['out_trade_no'],
    queryParams: [],
    hasBody: true,
    encrypted: [],
    decrypted: [],
    idempotency: {
      by: 'out_trade_no',
      in: 'path',
      repeat: 'in-call',
      query: 'GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no}',
    },
  } as Operation<
    { out_trade_no: string },
    Record<string, never>,
    PartnerPaymentCloseOrderRequest,
    void
  >,

  /**
   * Partner native payment: prepay.
   *
   * `POST /v3/pay/partner/transactions/native`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'partnerPayments.native.prepay',
    method: 'POST',
    path: '/v3/pay/partner/transactions/native',
    pathParams: [],
    queryParams: [],
    hasBody: true,
    encrypted: ['payer.identity.number', 'payer.identity.name'],
    decrypted: [],
    idempotency: {
      by: 'out_trade_no',
      in: 'body',
      repeat: 'in-call',
      query: 'GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no}',
    },
  } as Operation<
    Record<string, never>,
    Record<string, never>,
    PartnerNativePrepayRequest,
    PartnerNativePrepayResponse
  >,

  /**
   * Partner native payment: query order by ID.
   *
   * `GET /v3/pay/partner/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'partnerPayments.native.queryOrderById',
    method: 'GET',
    path: '/v3/pay/partner/transactions/id/{transaction_id}',
    pathParams: ['transaction_id'],
    queryParams: ['sp_mchid', 'sub_mchid'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<
    { transaction_id: string },
    { sp_mchid: string; sub_mchid: string },
    undefined,
    PartnerPaymentTransaction
  >,

  /**
   * Partner native payment: query order by out trade no.
   *
   * `GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'partnerPayments.native.queryOrderByOutTradeNo',
    method: 'GET',
    path: '/v3/pay/partner/transactions/out-trade-no/{out_trade_no}',
    pathParams: ['out_trade_no'],
    queryParams: ['sp_mchid', 'sub_mchid'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<
    { out_trade_no: string },
    { sp_mchid: string; sub_mchid: string },
    undefined,
    PartnerPaymentTransaction
  >,
} as const;
