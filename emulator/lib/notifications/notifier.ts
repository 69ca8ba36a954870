import { setMaxListeners } from 'node:events';
import { chinaTime, type EmulatorClock } from '../clock/clock.js';
import { pause } from '../clock/pause.js';
import type { Scheduler } from '../clock/scheduler.js';
import type { EmulatorFault } from '../faults/fault.js';
import type { FaultRegistry } from '../faults/fault-registry.js';
import type { MerchantRecord } from '../keys/merchants.js';
import type { PlatformKeys } from '../keys/platform-keys.js';
import { signatureHeaders } from '../keys/signature-headers.js';
import { deliver, type Delivery } from './delivery.js';
import type { NotificationFactory } from './notification-factory.js';

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
  readonly summary: string;
}

/** How notifications are sent. @internal */
export interface NotifierOptions {
  /** Multiplies the intervals of the schedule. */
  readonly scale: number;
  readonly timeoutMs: number;
  readonly allowRemote: boolean;
  /** How many notifications are remembered. */
  readonly capacity: number;
}

/**
 * Seconds between the posts: the first one and 15 more.
 *
 * @see WeChat Pay APIv3 docs: 支付成功回调通知, 通知重试
 */
const intervals = [
  15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
];

interface Entry {
  readonly id: string;
  readonly order: NotificationOrder;
  readonly body: Buffer;
  readonly attempts: EmulatorNotificationAttempt[];
  state: EmulatorNotificationRecord['state'];
  nextAtMs?: number;
  posts: number;
  cancel?: () => void;
}

/** Sends notifications until they are taken, and remembers every post. @internal */
export class Notifier {
  private readonly entries = new Map<string, Entry>();
  private readonly inFlight = new Set<Promise<void>>();
  private readonly closing = new AbortController();

  constructor(
    private readonly factory: NotificationFactory,
    private readonly keys: PlatformKeys,
    private readonly clock: EmulatorClock,
    private readonly scheduler: Scheduler,
    private readonly faults: FaultRegistry,
    private readonly options: NotifierOptions,
  ) {
    setMaxListeners(0, this.closing.signal);
  }

  /** Sends now and, until it is taken, again on the platform's schedule. Returns the id. */
  notify(order: NotificationOrder): string {
    const { eventType, payload, merchant, summary } = order;
    const { id, body } = this.factory.compose(eventType, payload, {
      mchid: merchant.mchid,
      summary,
    });
    const entry: Entry = { id, order, body, attempts: [], state: 'pending', posts: 0 };
    this.entries.set(id, entry);
    if (this.entries.size > this.options.capacity) this.dropOldest();
    void this.track(this.attempt(entry));
    return id;
  }

  /** Posts once more, at once, whatever became of it before. @throws {TypeError} for an unknown id */
  async resend(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) throw new TypeError(`there is no notification ${id}`);
    await this.track(this.post(entry));
  }

  /** The oldest first. */
  list(): readonly EmulatorNotificationRecord[] {
    return [...this.entries.values()].map(toRecord);
  }

  /** Resolves when no post is under way. */
  async settled(): Promise<void> {
    while (this.inFlight.size > 0) await Promise.allSettled([...this.inFlight]);
  }

  close(): void {
    this.closing.abort();
  }

  private schedule(entry: Entry, dueMs: number): void {
    entry.nextAtMs = dueMs;
    entry.cancel = this.scheduler.at(dueMs, () => void this.track(this.attempt(entry)));
  }

  private async attempt(entry: Entry): Promise<void> {
    delete entry.nextAtMs;
    const fault = this.faults.takeForNotification(entry.order.eventType);
    const posts = [this.post(entry, fault)];
    if (fault?.kind === 'duplicate') posts.push(this.post(entry));
    await Promise.all(posts);
    if (entry.state !== 'pending' || this.closing.signal.aborted) return;
    const pause = intervals[entry.posts];
    entry.posts += 1;
    if (pause === undefined) entry.state = 'given-up';
    else this.schedule(entry, this.clock.now() + pause * 1000 * this.options.scale);
  }

  private async post(entry: Entry, fault?: EmulatorFault): Promise<void> {
    const signer = this.keys.signerForNotification();
    const sentAtMs = this.clock.now();
    const started = performance.now();
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: '*/*',
      'user-agent': 'Mozilla/4.0 (nestjs-wechatpay-emulator)',
      ...signatureHeaders(signer, entry.body, this.clock.seconds(), fault),
    };
    const number = entry.attempts.length + 1;
    const slot = entry.attempts.push({ number, sentAt: chinaTime(sentAtMs), durationMs: 0 }) - 1;
    const delivery = await this.deliver(entry, headers, fault);
    entry.attempts[slot] = {
      number,
      sentAt: chinaTime(sentAtMs),
      ...(fault?.kind !== 'unsigned' && { serial: headers['Wechatpay-Serial'] ?? signer.id }),
      ...(fault !== undefined && { fault: fault.kind }),
      durationMs: Math.round(performance.now() - started),
      ...delivery,
    };
    const { status } = delivery;
    if (status === 200 || status === 204) this.settle(entry);
  }

  private async deliver(
    entry: Entry,
    headers: Readonly<Record<string, string>>,
    fault: EmulatorFault | undefined,
  ): Promise<Delivery> {
    if (fault?.kind === 'drop') return { error: 'dropped by a fault' };
    if (fault?.kind === 'delay') await pause(fault.delayMs ?? 1000, this.closing.signal);
    const { timeoutMs, allowRemote } = this.options;
    const { signal } = this.closing;
    return deliver(entry.order.url, headers, entry.body, { timeoutMs, allowRemote, signal });
  }

  private settle(entry: Entry): void {
    entry.state = 'delivered';
    entry.cancel?.();
    delete entry.nextAtMs;
  }

  private track(work: Promise<void>): Promise<void> {
    const tracked = work.catch(() => undefined);
    this.inFlight.add(tracked);
    void tracked.then(() => this.inFlight.delete(tracked));
    return work;
  }

  private dropOldest(): void {
    const [oldest] = this.entries.values();
    if (oldest === undefined) return;
    oldest.cancel?.();
    this.entries.delete(oldest.id);
  }
}

function toRecord({ id, order, state, nextAtMs, attempts }: Entry): EmulatorNotificationRecord {
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
