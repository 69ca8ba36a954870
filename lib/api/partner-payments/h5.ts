// Generated from tools/spec/partnerPayments.h5.json by tools/generate.mjs; do not edit.

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
 * `h5_info` of `PartnerH5SceneInfo`.
 *
 * @publicApi
 */
export interface PartnerH5Info {
  type: string;
  app_name?: string;
  app_url?: string;
  bundle_id?: string;
  package_name?: string;
}

/**
 * `payer` of `PartnerH5PrepayRequest`.
 *
 * @publicApi
 */
export interface PartnerH5Payer {
  identity?: PaymentPayerIdentity;
}

/**
 * Body of `partnerPayments.h5.prepay`.
 *
 * @publicApi
 */
export interface PartnerH5PrepayRequest {
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
  scene_info: PartnerH5SceneInfo;
  settle_info?: PartnerPaymentSettleInfo;
  payer?: PartnerH5Payer;
}

/**
 * Answer of `partnerPayments.h5.prepay`.
 *
 * @publicApi
 */
export interface PartnerH5PrepayResponse {
  readonly h5_url: string;
}

/**
 * `scene_info` of `PartnerH5PrepayRequest`.
 *
 * @publicApi
 */
export interface PartnerH5SceneInfo {
  payer_client_ip: string;
  device_id?: string;
  store_info?: PaymentStoreInfo;
  h5_info: PartnerH5Info;
}

/**
 * Operations of `partnerPayments.h5`.
 *
 * @internal
 */
export const partnerH5Operations = {
  /**
   * Partner H5 payment: close order.
   *
   * `POST /v3/pay/partner/transactions/out-trade-no/{out_trade_no}/close`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  closeOrder: {
    id: 'partnerPayments.h5.closeOrder',
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
   * Partner H5 payment: prepay.
   *
   * `POST /v3/pay/partner/transactions/h5`
   *
   * Idempotent by `out_trade_no`: may be repeated with every parameter unchanged.
   */
  prepay: {
    id: 'partnerPayments.h5.prepay',
    method: 'POST',
    path: '/v3/pay/partner/transactions/h5',
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
    PartnerH5PrepayRequest,
    PartnerH5PrepayResponse
  >,

  /**
   * Partner H5 payment: query order by ID.
   *
   * `GET /v3/pay/partner/transactions/id/{transaction_id}`
   */
  queryOrderById: {
    id: 'partnerPayments.h5.queryOrderById',
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
   * Partner H5 payment: query order by out trade no.
   *
   * `GET /v3/pay/partner/transactions/out-trade-no/{out_trade_no}`
   */
  queryOrderByOutTradeNo: {
    id: 'partnerPayments.h5.queryOrderByOutTradeNo',
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
