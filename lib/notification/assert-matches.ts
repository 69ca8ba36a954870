import { redactText, WechatPayNotificationError } from '../errors/index.js';
import type { RefundPayload, TransactionPayload } from './notification.types.js';

/**
 * What an order of yours says, to be compared with what was paid. All that is given is compared.
 *
 * @publicApi
 */
export interface ExpectedOrder {
  /** Amount of the order (订单总金额), an integer in fen. */
  readonly totalFen: number;
  /** @default 'CNY' */
  readonly currency?: string | undefined;
  /** The appid that it was placed with; of a service provider the `sp_appid`. */
  readonly appid?: string | undefined;
  /** Whose order it is: `mchid`, or the `sub_mchid` of a sub-merchant. */
  readonly mchid?: string | undefined;
}

/**
 * What a refund of yours says, to be compared with what was refunded.
 *
 * @publicApi
 */
export interface ExpectedRefund {
  /** Amount of the refund (退款金额), an integer in fen. */
  readonly refundFen: number;
  /** Amount of the order (原订单金额), an integer in fen. */
  readonly totalFen?: number | undefined;
  readonly outTradeNo?: string | undefined;
}

type Comparison = readonly [field: string, expected: unknown, actual: unknown];

/**
 * Refuses a payment that is not what you asked for: a genuine notification proves that somebody paid
 * something, not that it is the price of this order. Call it before you deliver.
 *
 * An order whose `trade_state` is `REFUND` passes, as it was paid: the reconciler finds orders so that
 * were refunded, wholly or in part, before the shop knew of the payment. Deliver nothing then before
 * you have looked at its refunds.
 *
 * @throws {WechatPayNotificationError} `NOTIFICATION_MISMATCH` with the fields that differ. The platform
 * delivers again, to no other end: somebody must look
 * @throws {TypeError} for an expected amount that is no integer: `undefined` would match nothing
 * @publicApi
 */
export function assertMatchesOrder(payload: TransactionPayload, order: ExpectedOrder): void {
  assertFen(order.totalFen, 'totalFen');
  const { amount } = payload;
  const whole = payload as TransactionPayload & { readonly sp_appid?: string };
  assertSame(payload.out_trade_no, [
    ['trade_state', 'SUCCESS', paidState(payload.trade_state)],
    ['amount.total', order.totalFen, amount?.total],
    ['amount.currency', order.currency ?? 'CNY', amount?.currency],
    ['appid', order.appid, whole.sp_appid ?? payload.appid],
    ['mchid', order.mchid, payload.sub_mchid ?? payload.mchid],
  ]);
}

/**
 * Refuses a refund that is not the one you asked for.
 *
 * @throws as {@link assertMatchesOrder}
 * @publicApi
 */
export function assertMatchesRefund(payload: RefundPayload, refund: ExpectedRefund): void {
  assertFen(refund.refundFen, 'refundFen');
  assertSame(payload.out_refund_no, [
    ['amount.refund', refund.refundFen, payload.amount?.refund],
    ['amount.total', refund.totalFen, payload.amount?.total],
    ['out_trade_no', refund.outTradeNo, payload.out_trade_no],
  ]);
}

/** Money that went back was paid before. */
function paidState(state: string): string {
  return state === 'REFUND' ? 'SUCCESS' : state;
}

function assertFen(value: unknown, name: string): void {
  if (Number.isSafeInteger(value)) return;
  throw new TypeError(`${name} is an integer in fen, such as 1000 for 10 yuan`);
}

function assertSame(number: string, comparisons: readonly Comparison[]): void {
  const different = comparisons.filter(
    ([, expected, actual]) => expected !== undefined && expected !== actual,
  );
  if (different.length === 0) return;
  const listed = different.map(
    ([field, expected, actual]) => `${field} is ${shown(actual)}, not ${shown(expected)}`,
  );
  throw new WechatPayNotificationError(
    'NOTIFICATION_MISMATCH',
    `${shown(number)} differs from your order: ${listed.join('; ')}. Deliver nothing, and look at it in the merchant platform (商户平台)`,
  );
}

/** Verified, and yet from outside: short, on one line and without personal data. */
function shown(value: unknown): string {
  return redactText(String(value))
    .replace(/[^\w*|@.-]/g, '?')
    .slice(0, 64);
}
