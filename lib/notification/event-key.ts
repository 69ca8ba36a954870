import { createHash } from 'node:crypto';

/** What of an event tells it from others; a notification has all of it. */
export interface EventFacts {
  readonly id: string;
  readonly eventType: string;
  readonly originalType: string | undefined;
  readonly mchid: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Which fields of the payload identify an event, beside its merchant and its kind. */
interface Identity {
  readonly number: string;
  /** Whose number it is, where that is not the merchant's own. */
  readonly owner?: string;
}

const ORDER: Identity = { owner: 'sub_mchid', number: 'out_trade_no' };
const COMBINED: Identity = { number: 'combine_out_trade_no' };
const REFUND: Identity = { owner: 'sub_mchid', number: 'out_refund_no' };

/**
 * What identifies an event, by its kind, reviewed one by one. An order is paid once, and a refund ends
 * once, however many notifications say so; the status is in the event type. Everything that is not
 * named here is identified by its notification: a business number would suppress real events where
 * one thing has several of a kind (`COMPLAINT.STATE_CHANGE`, `ENTRUST.*`, a profit sharing with
 * several receivers).
 *
 * @see Source: 微信支付 支付成功回调通知, 退款结果回调通知, 合单支付 支付成功回调通知
 */
const IDENTITIES: ReadonlyMap<string, readonly Identity[]> = new Map([
  ['TRANSACTION.SUCCESS', [COMBINED, ORDER]],
  // Delivered by nobody but the reconciler, which asks.
  ['TRANSACTION.CLOSED', [COMBINED, ORDER]],
  ['TRANSACTION.REVOKED', [ORDER]],
  ['TRANSACTION.PAYERROR', [ORDER]],
  ['REFUND.SUCCESS', [REFUND]],
  ['REFUND.ABNORMAL', [REFUND]],
  ['REFUND.CLOSED', [REFUND]],
]);

/** Kinds that share an event type with another payload: their `original_type` tells them apart. */
const VARIANTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['TRANSACTION.SUCCESS', new Set(['profitsharing'])],
]);

const LONGEST_PLAIN = 128;
const NOT_PLAIN = /[^\w*@|.+-]/;

/**
 * What kind of event it is: its event type, or `TYPE/original_type` where one event type carries
 * different payloads.
 */
export function kindOf(eventType: string, originalType: string | undefined): string {
  const isVariant = originalType !== undefined && VARIANTS.get(eventType)?.has(originalType);
  return isVariant ? `${eventType}/${originalType}` : eventType;
}

/**
 * What kind of thing a payload is, as its notification says, or by its shape where that says nothing: a
 * share is known by its receiver and its `out_order_no`.
 */
export function originalTypeOf(
  eventType: string,
  originalType: string | undefined,
  payload: EventFacts['payload'],
): string | undefined {
  if (originalType !== undefined || eventType !== 'TRANSACTION.SUCCESS') return originalType;
  const { receiver, out_order_no: number } = payload;
  const isShare = typeof receiver === 'object' && receiver !== null && typeof number === 'string';
  return isShare ? 'profitsharing' : undefined;
}

/**
 * The key of an event: the same for every notification of it, for the merchant's own query of it, and
 * in every process. Printable ASCII without spaces, at most 600 characters.
 */
export function eventKey(event: EventFacts): string {
  const { eventType, originalType, mchid, id, payload } = event;
  const kind = kindOf(eventType, originalType);
  const whatAndWhose = `${plain(kind)}:${plain(mchid)}`;
  for (const { number, owner } of IDENTITIES.get(kind) ?? []) {
    const value = payload[number];
    if (typeof value !== 'string') continue;
    if (owner === undefined) return `${whatAndWhose}:${plain(value)}`;
    return `${whatAndWhose}:${textOf(payload[owner])}:${plain(value)}`;
  }
  return `${whatAndWhose}:id:${plain(id)}`;
}

/** A part that may be missing. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? plain(value) : '';
}

/** A part of a key: as it is, or its digest where it might be taken for something else. */
function plain(part: string): string {
  if (part !== '' && part.length <= LONGEST_PLAIN && !NOT_PLAIN.test(part)) return part;
  // "#" is in no plain part
  return `#${createHash('sha256').update(part).digest('hex')}`;
}
