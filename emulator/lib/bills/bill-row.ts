import { chinaTime } from '../clock/clock.js';
import { textOf, type Order } from '../orders/order.js';
import { toTransaction } from '../orders/transaction.js';
import type { Refund } from '../refunds/refund.js';
import { isObject } from '../validation/shape-validator.js';
import type { BillColumn } from './bill-columns.data.js';

/** Something that happened on a day, as a bill tells it. @internal */
export interface BillEntry {
  readonly atMs: number;
  /** In fen, for the summary: what was paid, what was refunded, the fee. */
  readonly paidFen: number;
  readonly refundFen: number;
  readonly feeFen: number;
  readonly cells: Readonly<Record<BillColumn, string>>;
}

/** Of ten thousand. */
const feeRate = 60;

/** An order that was paid. It stays a payment, whatever became of it later. @internal */
export function paymentEntry(order: Order, paidAtMs: number): BillEntry {
  const feeFen = feeOf(order.totalFen);
  return {
    atMs: paidAtMs,
    paidFen: order.totalFen,
    refundFen: 0,
    feeFen,
    cells: {
      ...common(order, paidAtMs),
      交易状态: 'SUCCESS',
      应结订单金额: yuan(order.totalFen),
      订单金额: yuan(order.totalFen),
      手续费: `${yuan(feeFen)}000`,
    },
  };
}

/**
 * A refund that was taken on, in the state that it had when the bill was made: it is not told again when
 * it changes later.
 *
 * @internal
 */
export function refundEntry(refund: Refund, madeAtMs: number): BillEntry {
  const { order, refundFen, createdAtMs, finishedAtMs = Infinity } = refund;
  const feeFen = -feeOf(refundFen);
  const isFinished = finishedAtMs < madeAtMs;
  return {
    atMs: createdAtMs,
    paidFen: 0,
    refundFen,
    feeFen,
    cells: {
      ...common(order, createdAtMs),
      交易状态: 'REFUND',
      手续费: `${yuan(feeFen)}000`,
      退款申请时间: billTime(createdAtMs),
      退款成功时间: isFinished && refund.status === 'SUCCESS' ? billTime(finishedAtMs) : '',
      微信退款单号: refund.refundId,
      商户退款单号: refund.outRefundNo,
      退款金额: yuan(refundFen),
      退款类型: 'ORIGINAL',
      退款状态: isFinished ? refund.status : 'PROCESSING',
      申请退款金额: yuan(refundFen),
    },
  };
}

/** Fen as decimal yuan. @internal */
export function yuan(fen: number): string {
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** What all rows of an order have; the cells of a refund are those of a payment. */
function common(order: Order, atMs: number): Record<BillColumn, string> {
  const { trade_type: type, bank_type: bank } = toTransaction(order);
  const scene = order.request['scene_info'];
  const device = isObject(scene) ? scene['device_id'] : undefined;
  return {
    交易时间: billTime(atMs),
    公众账号ID: textOf(order, 'appid') ?? textOf(order, 'sp_appid') ?? '',
    商户号: order.owner.mchid,
    特约商户号: order.owner.subMchid ?? '0',
    设备号: typeof device === 'string' ? device : '',
    微信订单号: order.transactionId ?? '',
    商户订单号: order.outTradeNo,
    用户标识: order.openid ?? '',
    交易类型: String(type),
    交易状态: '',
    付款银行: String(bank),
    货币种类: 'CNY',
    应结订单金额: '0.00',
    代金券金额: '0.00',
    退款申请时间: '',
    退款成功时间: '',
    微信退款单号: '0',
    商户退款单号: '0',
    退款金额: '0.00',
    充值券退款金额: '0.00',
    退款类型: '',
    退款状态: '',
    商品名称: textOf(order, 'description') ?? '',
    商户数据包: textOf(order, 'attach') ?? '',
    手续费: '0.00000',
    费率: `${(feeRate / 100).toFixed(2)}%`,
    订单金额: '0.00',
    申请退款金额: '0.00',
    费率备注: '',
  };
}

/** `yyyy-MM-dd HH:mm:ss`, China Standard Time. */
function billTime(ms: number): string {
  return chinaTime(ms).slice(0, 19).replace('T', ' ');
}

function feeOf(fen: number): number {
  return Math.round((fen * feeRate) / 10_000);
}
