// Generated from tools/spec/payments.native.json by tools/generate.mjs; do not edit.

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
 * `payer` of `NativePrepayRequest`.
 *
 * @publicApi
 */
export interface NativePayer {
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `payments.native.prepay`.
 *
 * @publicApi
 */
export interface NativePrepayRequest {
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
  settle_info?: PaymentSettleInfo;
  scene_info?: NativeSceneInfo;
  payer?: NativePayer;
}

/**
 * Answer of `payments.native.prepay`.
 *
 * @publicApi
 */
export interface NativePrepayResponse {
  readonly code_url: string;
}

/**
 * `scene_info` of `NativePrepayRequest`.
 *
 * @publicApi
 */
export interface NativeSceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
}

/**
 * Operations of `payments.native`.
 *
 * @internal
 */
export const nativeOperations = {
  /**
   * Native QR payment: close order.
   *
   * `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'payments.native.closeOrder',
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
   * Native QR payment: prepay.
   *
   * `POST /v3/pay/transactions/native`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'payments.native.prepay',
    method: 'POST',
    path: '/v3/pay/transactions/native',
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
  } as Operation<
    Record<string, never>,
    Record<string, never>,
    NativePrepayRequest,
    NativePrepayResponse
  >,

  /**
   * Native QR payment: query order by ID.
   *
   * `GET /v3/pay/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'payments.native.queryOrderById',
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
   * Native QR payment: query order by out trade no.
   *
   * `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'payments.native.queryOrderByOutTradeNo',
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
