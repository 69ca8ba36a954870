import type { EmulatorClock } from '../clock/clock.js';
import type { Scheduler } from '../clock/scheduler.js';
import type {
  NotificationEntry,
  NotificationGroup,
  NotificationOrder,
} from './notification-entry.js';
import type { Notifier } from './notifier.js';
import type { NotifyRequest } from './notify-options.js';
import { planPosts } from './post-plan.js';
import { Slots } from './slots.js';

/** Something to send, how often. @internal */
export interface BatchItem {
  readonly order: NotificationOrder;
  readonly copies: number;
}

/** How a batch is sent. @internal */
export type BatchSettings = NotifyRequest['settings'] & { readonly scale: number };

/** What a batch is sent with. @internal */
export interface BatchParts {
  readonly notifier: Notifier;
  readonly clock: EmulatorClock;
  readonly scheduler: Scheduler;
}

/**
 * Notifications that are sent together: copies, order and times by plan, so many posts at once, and
 * what is not taken again on the schedule.
 *
 * @internal
 */
export class NotificationBatch implements NotificationGroup {
  readonly scale: number;
  readonly entries: readonly NotificationEntry[];
  private readonly slots: Slots;
  /** Copies of each entry that have not been answered. */
  private readonly copiesLeft: number[];
  /** Posts of the plan that have not been answered, and entries that have not ended. */
  private open: number;
  private failure: { readonly error: unknown } | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly parts: BatchParts,
    private readonly items: readonly BatchItem[],
    private readonly settings: BatchSettings,
  ) {
    this.scale = settings.scale;
    this.slots = new Slots(settings.concurrency);
    this.copiesLeft = items.map(({ copies }) => copies);
    this.open = items.length + items.reduce((sum, { copies }) => sum + copies, 0);
    this.entries = items.map(({ order }) => parts.notifier.newEntry(order, this));
  }

  /**
   * Sends all, once. Resolves when every one is taken or given up, or the emulator closes.
   *
   * @throws {TypeError} for a payload that JSON cannot write
   */
  async run(): Promise<void> {
    const { signal } = this.parts.notifier;
    const stop = (): void => this.stopping.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await this.postAll();
      await this.stopped();
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (this.failure === undefined) return;
    for (const entry of this.entries) this.parts.notifier.giveUp(entry);
    throw this.failure.error;
  }

  inTurn(post: () => Promise<void>): Promise<void> {
    return this.slots.run(post);
  }

  ended(): void {
    this.finishOne();
  }

  private async postAll(): Promise<void> {
    const startMs = this.parts.clock.now();
    const copies = this.items.map((item) => item.copies);
    for (const { index, afterMs } of planPosts(copies, this.settings)) {
      await this.until(startMs + afterMs);
      await this.slots.take();
      if (this.stopping.signal.aborted) return this.slots.give();
      void this.postCopy(index).finally(() => this.slots.give());
    }
  }

  /** Never rejects. */
  private async postCopy(index: number): Promise<void> {
    const { notifier } = this.parts;
    const entry = this.entries[index];
    if (entry === undefined) return;
    try {
      await notifier.postOnce(entry);
    } catch (error) {
      this.failure = { error };
      this.stopping.abort();
    }
    const left = (this.copiesLeft[index] ?? 0) - 1;
    this.copiesLeft[index] = left;
    if (left === 0 && this.settings.resend) notifier.postLater(entry);
    else if (left === 0) notifier.giveUp(entry);
    this.finishOne();
  }

  private finishOne(): void {
    this.open -= 1;
    if (this.open === 0) this.stopping.abort();
  }

  /** A time of the emulator's clock, or the end. */
  private until(dueMs: number): Promise<void> | void {
    const { clock, scheduler } = this.parts;
    const { signal } = this.stopping;
    if (clock.now() >= dueMs || signal.aborted) return;
    return new Promise((resolve) => {
      const go = (): void => {
        cancel();
        signal.removeEventListener('abort', go);
        resolve();
      };
      const cancel = scheduler.at(dueMs, go);
      signal.addEventListener('abort', go, { once: true });
    });
  }

  /** All have ended, one has failed, or the emulator closes. */
  private stopped(): Promise<void> {
    const { signal } = this.stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
