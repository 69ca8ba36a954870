import { chinaTime } from '../clock/clock.js';
import type { MerchantRecord } from '../keys/merchants.js';
import type { EmulatorNotificationOverrides } from './notification-factory.js';

/** One post of a notification and what came back. @publicApi */
export interface EmulatorNotificationAttempt {
  /** From 1. */
  readonly number: number;
  /** RFC 3339, the emulator's clock. */
  readonly sentAt: string;
  /** `Wechatpay-Serial` of this post. */
  readonly serial?: string;
  /** The fault that hit it. */
  readonly fault?: string;
  readonly durationMs: number;
  /** The answer's status; none when there was no answer. */
  readonly status?: number;
  /** The first kilobyte of the answer's body. */
  readonly answer?: string;
  readonly error?: string;
}

/** A notification and all its posts. @publicApi */
export interface EmulatorNotificationRecord {
  readonly id: string;
  readonly eventType: string;
  readonly mchid: string;
  readonly url: string;
  /** What the merchant finds after decryption. */
  readonly payload: unknown;
  readonly state: 'pending' | 'delivered' | 'given-up';
  /** RFC 3339; only while pending. */
  readonly nextAttemptAt?: string;
  readonly attempts: readonly EmulatorNotificationAttempt[];
}

/** What to send to whom. @internal */
export interface NotificationOrder {
  readonly merchant: MerchantRecord;
  readonly url: string;
  readonly eventType: string;
  readonly payload: unknown;
  /** What else is not as usual in its body. */
  readonly overrides: EmulatorNotificationOverrides;
}

/** What a notification that is part of something larger takes part in. @internal */
export interface NotificationGroup {
  /** Multiplies the intervals of the schedule. */
  readonly scale: number;
  /** Posts it when there is room. */
  inTurn(post: () => Promise<void>): Promise<void>;
  /** It is taken or given up. */
  ended(): void;
}

/** A notification on its way. @internal */
export interface NotificationEntry {
  readonly id: string;
  readonly order: NotificationOrder;
  readonly group?: NotificationGroup;
  readonly attempts: EmulatorNotificationAttempt[];
  state: EmulatorNotificationRecord['state'];
  /** Encrypted when it is first posted, and the same in every post. */
  body?: Buffer;
  nextAtMs?: number;
  /** Turns of the schedule so far. */
  turns: number;
  cancel?: () => void;
}

/** What is told of a notification. @internal */
export function toRecord({
  id,
  order,
  state,
  nextAtMs,
  attempts,
}: NotificationEntry): EmulatorNotificationRecord {
  return {
    id,
    eventType: order.eventType,
    mchid: order.merchant.mchid,
    url: order.url,
    payload: order.payload,
    state,
    ...(nextAtMs !== undefined && { nextAttemptAt: chinaTime(nextAtMs) }),
    attempts: [...attempts],
  };
}
