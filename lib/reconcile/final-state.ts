/** What an event is made of that a query has found. */
export interface FoundEvent {
  readonly eventType: string;
  readonly originalType: 'transaction' | 'refund';
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Final states of an order (交易状态) and the event that each is. Money that went back was paid before.
 *
 * @see Source: 微信支付 查询订单
 */
const PAYMENTS: Readonly<Record<string, string>> = {
  SUCCESS: 'TRANSACTION.SUCCESS',
  REFUND: 'TRANSACTION.SUCCESS',
  CLOSED: 'TRANSACTION.CLOSED',
  REVOKED: 'TRANSACTION.REVOKED',
  PAYERROR: 'TRANSACTION.PAYERROR',
};

/**
 * Final states of a refund (退款状态).
 *
 * @see Source: 微信支付 查询单笔退款
 */
const REFUNDS: Readonly<Record<string, string>> = {
  SUCCESS: 'REFUND.SUCCESS',
  CLOSED: 'REFUND.CLOSED',
  ABNORMAL: 'REFUND.ABNORMAL',
};

/** Whose it is, as a notification says it: an answer to a query leaves some of it out. */
export interface Owner {
  readonly mchid: string;
  readonly subMchid: string | undefined;
}

/** The event of an order that was queried, or `undefined` while it is open. */
export function paymentEvent(transaction: object, owner: Owner): FoundEvent | undefined {
  const payload = owned(transaction, owner);
  const eventType = of(PAYMENTS, payload['trade_state']);
  return eventType === undefined ? undefined : { eventType, originalType: 'transaction', payload };
}

/** The event of a refund that was queried, or `undefined` while it is under way. */
export function refundEvent(refund: object, owner: Owner): FoundEvent | undefined {
  const queried = owned(refund, owner);
  const eventType = of(REFUNDS, queried['status']);
  // A notification says the same under another name.
  const payload = { ...queried, refund_status: queried['status'] };
  return eventType === undefined ? undefined : { eventType, originalType: 'refund', payload };
}

function owned(answer: object, { mchid, subMchid }: Owner): Readonly<Record<string, unknown>> {
  const numbers = subMchid === undefined ? { mchid } : { sp_mchid: mchid, sub_mchid: subMchid };
  return { ...answer, ...numbers };
}

function of(states: Readonly<Record<string, string>>, state: unknown): string | undefined {
  return typeof state === 'string' && Object.hasOwn(states, state) ? states[state] : undefined;
}
