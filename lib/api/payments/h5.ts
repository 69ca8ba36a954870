// Generated from tools/spec/payments.h5.json by tools/generate.mjs; do not edit.

import type { Operation } from '../operation.js';
import type { PaymentCloseOrderRequest, PaymentSettleInfo, PaymentTransaction } from './shared.js';
import type {
  PaymentAmount,
  PaymentDetail,
  PaymentLimitPay,
  PaymentPayerIdentity,
  PaymentStoreInfo,
} from '../shared/payment.js';

/**
 * `h5_info` of `H5SceneInfo`.
 *
 * @publicApi
 */
export interface H5Info {
  type: string;
  app_name?: string;
  app_url?: string;
  bundle_id?: string;
  package_name?: string;
}

/**
 * `payer` of `H5PrepayRequest`.
 *
 * @publicApi
 */
export interface H5Payer {
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `payments.h5.prepay`.
 *
 * @publicApi
 */
export interface H5PrepayRequest {
  appid: string;
  mchid: string;
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
  scene_info: H5SceneInfo;
  settle_info?: PaymentSettleInfo;
  payer?: H5Payer;
}

/**
 * Answer of `payments.h5.prepay`.
 *
 * @publicApi
 */
export interface H5PrepayResponse {
  readonly h5_url: string;
}

/**
 * `scene_info` of `H5PrepayRequest`.
 *
 * @publicApi
 */
export interface H5SceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
  h5_info: H5Info;
}

/**
 * Operations of `payments.h5`.
 *
 * @internal
 */
export const h5Operations = {
  /**
   * H5 payment: close order.
   *
   * `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'payments.h5.closeOrder',
    method: 'POST',
    path: '/v3/pay/transactions/out-trade-no/{out_trade_no}/close',
    pathParams: ['out_trade_no'],
    queryParams: [],
    hasBody: true,
    encrypted: [],
    decrypted: [],
    idempotency: {
      by: 'out_trade_no',
      in: 'path',
      repeat: 'in-call',
      query: 'GET /v3/pay/transactions/out-trade-no/{out_trade_no}',
    },
  } as Operation<{ out_trade_no: string }, Record<string, never>, PaymentCloseOrderRequest, void>,

  /**
   * H5 payment: prepay.
   *
   * `POST /v3/pay/transactions/h5`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'payments.h5.prepay',
    method: 'POST',
    path: '/v3/pay/transactions/h5',
    pathParams: [],
    queryParams: [],
    hasBody: true,
    encrypted: ['payer.identity.number', 'payer.identity.name'],
    decrypted: [],
    idempotency: {
      by: 'out_trade_no',
      in: 'body',
      repeat: 'in-call',
      query: 'GET /v3/pay/transactions/out-trade-no/{out_trade_no}',
    },
  } as Operation<Record<string, never>, Record<string, never>, H5PrepayRequest, H5PrepayResponse>,

  /**
   * H5 payment: query order by ID.
   *
   * `GET /v3/pay/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'payments.h5.queryOrderById',
    method: 'GET',
    path: '/v3/pay/transactions/id/{transaction_id}',
    pathParams: ['transaction_id'],
    queryParams: ['mchid'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<{ transaction_id: string }, { mchid: string }, undefined, PaymentTransaction>,

  /**
   * H5 payment: query order by out trade no.
   *
   * `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'payments.h5.queryOrderByOutTradeNo',
    method: 'GET',
    path: '/v3/pay/transactions/out-trade-no/{out_trade_no}',
    pathParams: ['out_trade_no'],
    queryParams: ['mchid'],
    hasBody: false,
    encrypted: [],
    decrypted: [],
    idempotency: undefined,
  } as Operation<{ out_trade_no: string }, { mchid: string }, undefined, PaymentTransaction>,
} as const;
