import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { chinaTime, type EmulatorClock } from '../clock/clock.js';
import { pause } from '../clock/pause.js';
import type { Scheduler } from '../clock/scheduler.js';
import type { EmulatorFault } from '../faults/fault.js';
import type { FaultRegistry } from '../faults/fault-registry.js';
import type { PlatformKeys } from '../keys/platform-keys.js';
import { signatureHeaders } from '../keys/signature-headers.js';
import { deliver, type Delivery } from './delivery.js';
import {
  toRecord,
  type EmulatorNotificationRecord,
  type NotificationEntry,
  type NotificationGroup,
  type NotificationOrder,
} from './notification-entry.js';
import type { NotificationFactory } from './notification-factory.js';

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

/** Sends notifications until they are taken, and remembers every post. @internal */
export class Notifier {
  private readonly entries = new Map<string, NotificationEntry>();
  private readonly inFlight = new Set<Promise<unknown>>();
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

  /** Ends when the emulator closes. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  /** Sends now and, until it is taken, again on the platform's schedule. Returns the id. */
  notify(order: NotificationOrder): string {
    const entry = this.newEntry(order);
    this.compose(entry);
    void this.track(this.attempt(entry));
    return entry.id;
  }

  /** A notification that has not been sent. */
  newEntry(order: NotificationOrder, group?: NotificationGroup): NotificationEntry {
    const id = order.overrides.id ?? randomUUID();
    return { id, order, attempts: [], state: 'pending', turns: 0, ...(group && { group }) };
  }

  /**
   * Posts once, or twice when a fault says so; what is posted for the first time is remembered.
   *
   * @throws {TypeError} for a payload that JSON cannot write
   */
  async postOnce(entry: NotificationEntry): Promise<void> {
    this.compose(entry);
    const fault = this.faults.takeForNotification(entry.order.eventType);
    const posts = [this.post(entry, fault)];
    if (fault?.kind === 'duplicate') posts.push(this.post(entry));
    await this.track(Promise.all(posts));
  }

  /** Posts again when the schedule says so, unless it is taken; after the last time gives it up. */
  postLater(entry: NotificationEntry): void {
    if (entry.state !== 'pending' || this.closing.signal.aborted) return;
    const pause = intervals[entry.turns];
    entry.turns += 1;
    if (pause === undefined) return this.giveUp(entry);
    const { scale } = entry.group ?? this.options;
    this.schedule(entry, this.clock.now() + pause * 1000 * scale);
  }

  /** Nobody will post it again. */
  giveUp(entry: NotificationEntry): void {
    if (entry.state !== 'pending') return;
    entry.state = 'given-up';
    this.stopPosting(entry);
    entry.group?.ended();
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

  private compose(entry: NotificationEntry): Buffer {
    if (entry.body !== undefined) return entry.body;
    const { eventType, payload, merchant, overrides } = entry.order;
    const facts = { ...overrides, id: entry.id, mchid: merchant.mchid };
    entry.body = this.factory.compose(eventType, payload, facts).body;
    this.entries.set(entry.id, entry);
    if (this.entries.size > this.options.capacity) this.dropOldest();
    return entry.body;
  }

  private schedule(entry: NotificationEntry, dueMs: number): void {
    entry.nextAtMs = dueMs;
    entry.cancel = this.scheduler.at(dueMs, () => void this.track(this.attempt(entry)));
  }

  private async attempt(entry: NotificationEntry): Promise<void> {
    delete entry.nextAtMs;
    const post = (): Promise<void> => this.postOnce(entry);
    await (entry.group?.inTurn(post) ?? post());
    this.postLater(entry);
  }

  private async post(entry: NotificationEntry, fault?: EmulatorFault): Promise<void> {
    const body = this.compose(entry);
    const signer = this.keys.signerForNotification();
    const sentAtMs = this.clock.now();
    const started = performance.now();
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: '*/*',
      'user-agent': 'Mozilla/4.0 (nestjs-wechatpay-emulator)',
      ...signatureHeaders(signer, body, this.clock.seconds(), fault),
    };
    const number = entry.attempts.length + 1;
    const slot = entry.attempts.push({ number, sentAt: chinaTime(sentAtMs), durationMs: 0 }) - 1;
    const delivery = await this.deliver(entry.order.url, headers, body, fault);
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
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    fault: EmulatorFault | undefined,
  ): Promise<Delivery> {
    if (fault?.kind === 'drop') return { error: 'dropped by a fault' };
    if (fault?.kind === 'delay') await pause(fault.delayMs ?? 1000, this.closing.signal);
    const { timeoutMs, allowRemote } = this.options;
    const { signal } = this.closing;
    return deliver(url, headers, body, { timeoutMs, allowRemote, signal });
  }

  private settle(entry: NotificationEntry): void {
    const wasPending = entry.state === 'pending';
    entry.state = 'delivered';
    this.stopPosting(entry);
    if (wasPending) entry.group?.ended();
  }

  private stopPosting(entry: NotificationEntry): void {
    entry.cancel?.();
    delete entry.nextAtMs;
  }

  private track<T>(work: Promise<T>): Promise<T> {
    const tracked = work.catch(() => undefined);
    this.inFlight.add(tracked);
    void tracked.then(() => this.inFlight.delete(tracked));
    return work;
  }

  /** Whoever waits for a group still gets to its end. */
  private dropOldest(): void {
    const [oldest] = this.entries.values();
    if (oldest === undefined) return;
    if (oldest.group === undefined) oldest.cancel?.();
    this.entries.delete(oldest.id);
  }
}
