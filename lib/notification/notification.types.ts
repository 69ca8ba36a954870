import type { PartnerPaymentTransaction } from '../api/partner-payments/shared.js';
import type { PaymentTransaction } from '../api/payments/shared.js';
import type { PaymentTransactionAmount } from '../api/shared/payment.js';

type Known<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]-?: NonNullable<T[P]> };

/**
 * A payment as its notification carries it: `mchid` and `appid` of a direct merchant, or the `sp_`
 * and `sub_` fields of a service provider.
 *
 * @see Source: 微信支付 支付成功回调通知
 * @publicApi
 */
export type TransactionPayload = Known<
  Omit<PaymentTransaction & PartnerPaymentTransaction, 'payer' | 'amount'>,
  'out_trade_no' | 'trade_state'
> & {
  readonly amount: Required<PaymentTransactionAmount>;
  readonly payer?: {
    readonly openid?: string;
    readonly sp_openid?: string;
    readonly sub_openid?: string;
  };
};

/**
 * A refund as its notification carries it.
 *
 * @see Source: 微信支付 退款结果回调通知
 * @publicApi
 */
export interface RefundPayload {
  readonly mchid?: string;
  readonly sp_mchid?: string;
  readonly sub_mchid?: string;
  readonly transaction_id: string;
  readonly out_trade_no: string;
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly refund_status: 'SUCCESS' | 'CLOSED' | 'ABNORMAL' | (string & {});
  /** RFC 3339; absent unless the refund succeeded. */
  readonly success_time?: string;
  readonly user_received_account?: string;
  /** Integers, in fen. */
  readonly amount: {
    readonly total: number;
    readonly refund: number;
    readonly payer_total: number;
    readonly payer_refund: number;
  };
}

/**
 * Payload types by event type. An application may add its own by declaration merging.
 *
 * @publicApi
 */
export interface WechatPayNotificationPayloads {
  'TRANSACTION.SUCCESS': TransactionPayload;
  'REFUND.SUCCESS': RefundPayload;
  'REFUND.ABNORMAL': RefundPayload;
  'REFUND.CLOSED': RefundPayload;
}

/** Event types with a payload type. @publicApi */
export type WechatPayEventType = keyof WechatPayNotificationPayloads;

interface NotificationFacts<EventType, Payload> {
  /** The same in every delivery of one notification. */
  readonly id: string;
  readonly eventType: EventType;
  /** RFC 3339. */
  readonly createTime: string;
  /** What kind of thing the payload is, such as `transaction`; not every event says so. */
  readonly originalType: string | undefined;
  readonly summary: string | undefined;
  /** Name of the registration that received it. */
  readonly merchant: string;
  readonly mchid: string;
  readonly payload: Payload;
}

/**
 * A verified, decrypted notification. Checking `eventType` narrows the type of `payload`. The list of
 * event types is open: for one without a payload type write `WechatPayNotification<'COUPON.USE'>`,
 * or `WechatPayNotification<string>` for any, and give a `switch` a `default`. The platform delivers the same event several times, also at once: handlers must be idempotent, and
 * must compare amount and appid with their own order.
 *
 * @publicApi
 */
export type WechatPayNotification<EventType extends string = WechatPayEventType> =
  EventType extends WechatPayEventType
    ? NotificationFacts<EventType, WechatPayNotificationPayloads[EventType]>
    : NotificationFacts<EventType, Readonly<Record<string, unknown>>>;
