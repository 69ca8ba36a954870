// Generated from tools/spec/payments.app.json by tools/generate.mjs; do not edit.

import type { Operation } from '../operation.js';
import type { PaymentCloseOrderRequest, PaymentSettleInfo, PaymentTransaction } from './shared.js';
import type {
  PaymentAmount,
  PaymentDetail,
  PaymentLimitPay,
  PaymentPayerIdentity,
  PaymentStoreInfo,
  PaymentSubsidyInfo,
} from '../shared/payment.js';

/**
 * `payer` of `AppPrepayRequest`.
 *
 * @publicApi
 */
export interface AppPayer {
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `payments.app.prepay`.
 *
 * @publicApi
 */
export interface AppPrepayRequest {
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
  scene_info?: AppSceneInfo;
  settle_info?: PaymentSettleInfo;
  payer?: AppPayer;
  subsidy_info?: PaymentSubsidyInfo;
}

/**
 * Answer of `payments.app.prepay`.
 *
 * @publicApi
 */
export interface AppPrepayResponse {
  readonly prepay_id: string;
}

/**
 * `scene_info` of `AppPrepayRequest`.
 *
 * @publicApi
 */
export interface AppSceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
}

/**
 * Operations of `payments.app`.
 *
 * @internal
 */
export const appOperations = {
  /**
   * App payment: close order.
   *
   * `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'payments.app.closeOrder',
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
   * App payment: prepay.
   *
   * `POST /v3/pay/transactions/app`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'payments.app.prepay',
    method: 'POST',
    path: '/v3/pay/transactions/app',
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
  } as Operation<Record<string, never>, Record<string, never>, AppPrepayRequest, AppPrepayResponse>,

  /**
   * App payment: query order by ID.
   *
   * `GET /v3/pay/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'payments.app.queryOrderById',
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
   * App payment: query order by out trade no.
   *
   * `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'payments.app.queryOrderByOutTradeNo',
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
