import type { SqlTransaction } from './transactional-claim.js';
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
 * Money that moved to or from a receiver of a profit sharing (分账), as the receiver is notified.
 *
 * @see Source: 微信支付 分账动账通知
 * @publicApi
 */
export interface ProfitSharingPayload {
  readonly mchid?: string;
  readonly sp_mchid?: string;
  readonly sub_mchid?: string;
  readonly transaction_id: string;
  readonly order_id: string;
  readonly out_order_no: string;
  readonly receiver: {
    readonly type: 'MERCHANT_ID' | 'PERSONAL_OPENID' | (string & {});
    readonly account: string;
    /** Integer, in fen. */
    readonly amount: number;
    readonly description: string;
  };
  /** RFC 3339. */
  readonly success_time: string;
}

/**
 * Payload types by event type; by `TYPE/original_type` where one event type carries different payloads.
 * An application may add its own by declaration merging.
 *
 * @publicApi
 */
export interface WechatPayNotificationPayloads {
  'TRANSACTION.SUCCESS': TransactionPayload;
  'TRANSACTION.SUCCESS/profitsharing': ProfitSharingPayload;
  /** Found by the reconciler only: the platform notifies of no closed order. */
  'TRANSACTION.CLOSED': TransactionPayload;
  /** Found by the reconciler only. */
  'TRANSACTION.REVOKED': TransactionPayload;
  /** Found by the reconciler only. */
  'TRANSACTION.PAYERROR': TransactionPayload;
  'REFUND.SUCCESS': RefundPayload;
  'REFUND.ABNORMAL': RefundPayload;
  'REFUND.CLOSED': RefundPayload;
}

/**
 * Kinds of events with a payload type: an event type, or `TYPE/original_type` for one that shares it
 * with another payload.
 *
 * @publicApi
 */
export type WechatPayEventKind = keyof WechatPayNotificationPayloads;

/** Event types with a payload type. @publicApi */
export type WechatPayEventType = Exclude<WechatPayEventKind, `${string}/${string}`>;

type EventTypeOf<Kind> = Kind extends `${infer EventType}/${string}` ? EventType : Kind;

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
  /**
   * What identifies the event: the same in all its notifications, and in every process. Made of the
   * business number where that is right, and of `id` elsewhere.
   */
  readonly key: string;
  /**
   * Claims the event inside your own PostgreSQL transaction: what you write and the claim are committed
   * together, so that it is handled exactly once, by each handler. Call it first:
   * `if (!(await notification.claim(tx))) return;`
   *
   * Needs the table of `nestjs-wechatpay/postgres`.
   *
   * @param options `table`: its name, perhaps with a schema. `wechatpay_inbox` by default
   * @returns `false` when it was handled before
   * @throws {WechatPayNotificationError} `NOTIFICATION_BUSY` when another transaction handles it now: let
   * yours roll back; the platform is told to come back
   * @throws {TypeError} when no transaction has begun there (a pool, a `DataSource`); nothing is claimed
   */
  claim(tx: SqlTransaction, options?: { readonly table?: string }): Promise<boolean>;
}

/**
 * A verified, decrypted notification. Checking `eventType` narrows the type of `payload`. The list of
 * event types is open: for one without a payload type write `WechatPayNotification<'COUPON.USE'>`,
 * or `WechatPayNotification<string>` for any, and give a `switch` a `default`. One event type may carry
 * another payload: look at `originalType` when receivers of a profit sharing (分账) are notified here too.
 *
 * The platform delivers the same event several times, also at once: handlers must be idempotent, and
 * must compare amount and appid with their own order.
 *
 * @publicApi
 */
export type WechatPayNotification<Kind extends string = WechatPayEventType> =
  Kind extends WechatPayEventKind
    ? NotificationFacts<EventTypeOf<Kind>, WechatPayNotificationPayloads[Kind]>
    : NotificationFacts<EventTypeOf<Kind>, Readonly<Record<string, unknown>>>;
