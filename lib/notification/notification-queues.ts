import type { Logger } from '@nestjs/common';
import { withTrace } from '../diagnostics/index.js';
import { WechatPayNotificationError } from '../errors/index.js';
import { toQueued, type NotificationQueue, type QueuedNotification } from './queue.js';
import { ReceivedNotification } from './received-notification.js';
import { Patience } from './waiting.js';

/** How long the application waits for a queue to end that does not say. */
const CLOSE_WITHIN_MS = 15_000;

/** The queues of an application: each is started once, however many merchants share it. */
export class NotificationQueues {
  readonly #process: (job: QueuedNotification, attempt?: number) => Promise<void>;
  readonly #logger: Logger;
  readonly #started = new Map<NotificationQueue, Promise<void>>();
  readonly #patience = new Patience();

  constructor(
    process: (job: QueuedNotification, attempt?: number) => Promise<void>,
    logger: Logger,
  ) {
    this.#process = process;
    this.#logger = logger;
  }

  /** Starts a queue that does not work yet; one that cannot start may be started again. */
  start(queue: NotificationQueue): Promise<void> {
    const running = this.#started.get(queue);
    if (running) return running;
    const starting = (async () => queue.work(this.#process))();
    this.#started.set(queue, starting);
    return starting.catch((error: unknown) => {
      this.#started.delete(queue);
      throw error;
    });
  }

  /**
   * Resolves when the queue has the notification.
   *
   * @throws {WechatPayNotificationError} `NOTIFICATION_NOT_QUEUED`; it is logged already
   */
  async enqueue(
    queue: NotificationQueue,
    notification: ReceivedNotification,
    withinMs: number,
  ): Promise<void> {
    let cause: unknown;
    try {
      const kept = (async () => queue.enqueue(toQueued(notification)))().then(() => true as const);
      if (await this.#patience.within(kept, withinMs)) return;
      cause = new Error(`it took longer than ${withinMs} ms`);
    } catch (error) {
      cause = error;
    }
    const { merchant, id } = notification;
    const why = cause instanceof Error ? cause.message : 'it failed';
    const line = `[${merchant}] The queue did not take a notification: ${why}; the platform delivers again`;
    this.#logger.error(withTrace(line, ReceivedNotification.sourceOf(notification)?.headers));
    throw new WechatPayNotificationError(
      'NOTIFICATION_NOT_QUEUED',
      'The queue did not take the notification: see the cause; the platform delivers again',
      { cause, notificationId: id },
    );
  }

  /** Ends every queue, each within its bound; closing twice is harmless. */
  async close(): Promise<void> {
    const queues = [...this.#started.keys()];
    this.#started.clear();
    const ending = queues.map((queue) =>
      this.#patience.within(this.#end(queue), queue.closesWithinMs ?? CLOSE_WITHIN_MS),
    );
    await Promise.all(ending);
  }

  async #end(queue: NotificationQueue): Promise<void> {
    try {
      await queue.close();
    } catch {
      this.#logger.warn('A notification queue did not close in order');
    }
  }
}
