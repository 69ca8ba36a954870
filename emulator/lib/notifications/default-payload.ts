import { chinaTime } from '../clock/clock.js';
import { randomDigits } from '../keys/identifiers.js';
import { isObject, type JsonObject } from '../validation/shape-validator.js';

/** Whose payload it is, and when. @internal */
export interface PayloadFacts {
  readonly mchid: string;
  readonly appid: string;
  readonly nowMs: number;
}

const openid = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const subMchid = '1900000109';

/**
 * What an event carries, with the given fields in place of the usual ones, objects merged: a payment,
 * a refund and a share of a payment are made complete, and amounts that follow from others follow
 * the given ones. A field that is `undefined` is left out. Other events carry what is given.
 *
 * @see WeChat Pay APIv3 docs: 支付成功回调通知, 退款结果通知, 分账动账通知
 * @internal
 */
export function completePayload(
  eventType: string,
  originalType: string | undefined,
  given: JsonObject,
  facts: PayloadFacts,
): JsonObject {
  const [, outcome] = /^REFUND\.(SUCCESS|ABNORMAL|CLOSED)$/.exec(eventType) ?? [];
  if (outcome !== undefined) return merge(refund(outcome, given, facts), given);
  if (eventType !== 'TRANSACTION.SUCCESS') return given;
  if (originalType === 'profitsharing') return merge(share(given, facts), given);
  return merge(transaction(given, facts), given);
}

function transaction(given: JsonObject, { mchid, appid, nowMs }: PayloadFacts): JsonObject {
  if (given['combine_out_trade_no'] !== undefined) {
    return { combine_appid: appid, combine_mchid: mchid, combine_payer_info: { openid } };
  }
  const isPartner = namesPartner(given);
  const total = numberIn(given['amount'], 'total') ?? 100;
  return {
    ...(isPartner ? { sp_appid: appid, sp_mchid: mchid, sub_mchid: subMchid } : { appid, mchid }),
    out_trade_no: newNumber(),
    transaction_id: newTransactionId(),
    trade_type: 'JSAPI',
    trade_state: 'SUCCESS',
    trade_state_desc: '支付成功',
    bank_type: 'OTHERS',
    success_time: chinaTime(nowMs),
    payer: isPartner ? { sp_openid: openid } : { openid },
    amount: { total, payer_total: total, currency: 'CNY', payer_currency: 'CNY' },
  };
}

function refund(outcome: string, given: JsonObject, { mchid, nowMs }: PayloadFacts): JsonObject {
  const { amount } = given;
  const total = numberIn(amount, 'total') ?? numberIn(amount, 'refund') ?? 100;
  const refunded = numberIn(amount, 'refund') ?? total;
  return {
    ...(namesPartner(given) ? { sp_mchid: mchid, sub_mchid: subMchid } : { mchid }),
    transaction_id: newTransactionId(),
    out_trade_no: newNumber(),
    refund_id: `5030${randomDigits(24)}`,
    out_refund_no: newNumber(),
    refund_status: outcome,
    ...(outcome === 'SUCCESS' && { success_time: chinaTime(nowMs) }),
    user_received_account: '支付用户零钱',
    amount: { total, refund: refunded, payer_total: total, payer_refund: refunded },
  };
}

function share(given: JsonObject, { mchid, nowMs }: PayloadFacts): JsonObject {
  return {
    ...(namesPartner(given) ? { sp_mchid: mchid, sub_mchid: subMchid } : { mchid }),
    transaction_id: newTransactionId(),
    order_id: `3008${randomDigits(24)}`,
    out_order_no: newNumber(),
    receiver: { type: 'MERCHANT_ID', account: mchid, amount: 100, description: '分账' },
    success_time: chinaTime(nowMs),
  };
}

function namesPartner(given: JsonObject): boolean {
  return given['sp_mchid'] !== undefined || given['sub_mchid'] !== undefined;
}

function numberIn(value: unknown, name: string): number | undefined {
  const found = isObject(value) ? value[name] : undefined;
  return typeof found === 'number' ? found : undefined;
}

function newNumber(): string {
  return `TEST${randomDigits(20)}`;
}

function newTransactionId(): string {
  return `4200${randomDigits(24)}`;
}

/** Objects are merged, everything else is replaced; what both lack stays absent. */
function merge(usual: JsonObject, given: JsonObject): JsonObject {
  const names = new Set([...Object.keys(usual), ...Object.keys(given)]);
  const fields = [...names].map((name): [string, unknown] => {
    if (!Object.hasOwn(given, name)) return [name, usual[name]];
    const before = Object.hasOwn(usual, name) ? usual[name] : undefined;
    const value = given[name];
    return [name, isObject(before) && isObject(value) ? merge(before, value) : value];
  });
  return Object.fromEntries(fields);
}
