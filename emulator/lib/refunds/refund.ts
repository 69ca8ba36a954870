import { chinaTime } from '../clock/clock.js';
import type { Order, OrderOwner } from '../orders/order.js';
import { isObject, type JsonObject } from '../validation/shape-validator.js';

/** @see WeChat Pay APIv3 docs: 查询单笔退款, status @publicApi */
export type EmulatorRefundStatus = 'PROCESSING' | 'SUCCESS' | 'CLOSED' | 'ABNORMAL';

/** A refund as the platform keeps it. @internal */
export interface Refund {
  readonly owner: OrderOwner;
  readonly order: Order;
  readonly outRefundNo: string;
  readonly refundId: string;
  readonly request: JsonObject;
  readonly fingerprint: string;
  readonly refundFen: number;
  readonly createdAtMs: number;
  status: EmulatorRefundStatus;
  finishedAtMs?: number;
}

const account = '支付用户零钱';

/**
 * A refund as the operations answer it.
 *
 * @see WeChat Pay APIv3 docs: 申请退款, 查询单笔退款
 * @internal
 */
export function toWireRefund(refund: Refund): object {
  const { order, refundFen, status, finishedAtMs } = refund;
  const funds = refund.request['funds_account'];
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    transaction_id: order.transactionId,
    out_trade_no: order.outTradeNo,
    channel: 'ORIGINAL',
    user_received_account: account,
    ...(status === 'SUCCESS' &&
      finishedAtMs !== undefined && { success_time: chinaTime(finishedAtMs) }),
    create_time: chinaTime(refund.createdAtMs),
    status,
    funds_account: typeof funds === 'string' ? funds : 'UNSETTLED',
    amount: {
      total: order.totalFen,
      refund: refundFen,
      from: fundsFrom(refund.request),
      payer_total: order.totalFen,
      payer_refund: refundFen,
      settlement_refund: refundFen,
      settlement_total: order.totalFen,
      discount_refund: 0,
      currency: 'CNY',
    },
    promotion_detail: [],
  };
}

/**
 * A refund as the notification tells it.
 *
 * @see WeChat Pay APIv3 docs: 退款结果通知
 * @internal
 */
export function toRefundPayload(refund: Refund): object {
  const { order, owner, refundFen, status, finishedAtMs } = refund;
  const ids =
    owner.subMchid === undefined
      ? { mchid: owner.mchid }
      : { sp_mchid: owner.mchid, sub_mchid: owner.subMchid };
  return {
    ...ids,
    transaction_id: order.transactionId,
    out_trade_no: order.outTradeNo,
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    refund_status: status,
    ...(status === 'SUCCESS' &&
      finishedAtMs !== undefined && { success_time: chinaTime(finishedAtMs) }),
    user_received_account: account,
    amount: {
      total: order.totalFen,
      refund: refundFen,
      payer_total: order.totalFen,
      payer_refund: refundFen,
    },
  };
}

function fundsFrom(request: JsonObject): unknown {
  const amount = request['amount'];
  return (isObject(amount) ? amount['from'] : undefined) ?? [];
}
