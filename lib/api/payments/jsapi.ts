// Generated from tools/spec/payments.jsapi.json by tools/generate.mjs; do not edit.

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
 * `payer` of `JsapiPrepayRequest`.
 *
 * @publicApi
 */
export interface JsapiPayer {
  openid?: string;
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `payments.jsapi.prepay`.
 *
 * @publicApi
 */
export interface JsapiPrepayRequest {
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
  payer: JsapiPayer;
  detail?: PaymentDetail;
  scene_info?: JsapiSceneInfo;
  settle_info?: PaymentSettleInfo;
  subsidy_info?: PaymentSubsidyInfo;
}

/**
 * Answer of `payments.jsapi.prepay`.
 *
 * @publicApi
 */
export interface JsapiPrepayResponse {
  readonly prepay_id: string;
}

/**
 * `scene_info` of `JsapiPrepayRequest`.
 *
 * @publicApi
 */
export interface JsapiSceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
}

/**
 * Operations of `payments.jsapi`.
 *
 * @internal
 */
export const jsapiOperations = {
  /**
   * JSAPI payment: close order.
   *
   * `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'payments.jsapi.closeOrder',
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
   * JSAPI payment: prepay.
   *
   * `POST /v3/pay/transactions/jsapi`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'payments.jsapi.prepay',
    method: 'POST',
    path: '/v3/pay/transactions/jsapi',
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
    JsapiPrepayRequest,
    JsapiPrepayResponse
  >,

  /**
   * JSAPI payment: query order by ID.
   *
   * `GET /v3/pay/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'payments.jsapi.queryOrderById',
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
   * JSAPI payment: query order by out trade no.
   *
   * `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'payments.jsapi.queryOrderByOutTradeNo',
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
