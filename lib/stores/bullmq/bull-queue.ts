import { Logger } from '@nestjs/common';
import { WechatPayConfigurationError, WechatPayStoreError } from '../../errors/index.js';
import type { NotificationQueue, QueuedNotification } from '../../notification/queue.js';
import { Consumer, LAST_WORD_MS } from './consumer.js';
import { Producer } from './producer.js';
import {
  queueSettings,
  type BullNotificationQueueOptions,
  type QueueSettings,
} from './settings.js';

/**
 * Queues accepted notifications on BullMQ 5 or 6, for a fleet of processes. The platform is answered
 * when Redis has the job; handlers run from there, with retries over about a day, and what has failed
 * for good stays as a dead letter. Redis has to keep what it accepts (`appendonly yes`,
 * `maxmemory-policy noeviction`): this is checked when the application starts and at every new
 * connection. While Redis is away the platform is told to come back; nothing waits for it.
 *
 * Share one among all merchants of an application, and give the application an inbox that its processes
 * share too: a job may run more than once.
 *
 * @example
 * ```ts
 * const queue = new BullNotificationQueue({ connection: process.env.REDIS_URL });
 * WechatPayModule.forRoot({ …, queue });
 * ```
 * @publicApi
 */
export class BullNotificationQueue implements NotificationQueue {
  readonly #settings: QueueSettings;
  readonly #logger = new Logger(BullNotificationQueue.name);
  #producer: Producer | undefined;
  #consumer: Consumer | undefined;
  #isWorking = false;
  #closing: Promise<void> | undefined;

  /** @throws {WechatPayConfigurationError} with everything that is wrong with the options */
  constructor(options: BullNotificationQueueOptions) {
    this.#settings = queueSettings(options);
  }

  /**
   * @throws {WechatPayStoreError} when Redis fails or does not answer within `enqueueTimeoutMs`
   * @throws {WechatPayConfigurationError} when it does not keep what it accepts
   */
  async enqueue(job: QueuedNotification): Promise<void> {
    if (this.#closing) throw new WechatPayStoreError('The notification queue has been closed');
    await this.#accepting().add(job);
  }

  /** @throws {WechatPayConfigurationError} when Redis does not keep what it accepts */
  async work(process: (job: QueuedNotification, attempt?: number) => Promise<void>): Promise<void> {
    if (this.#isWorking || this.#closing) {
      throw new WechatPayConfigurationError([
        'a BullNotificationQueue belongs to one application and ends with it: make a new one for each',
      ]);
    }
    this.#isWorking = true;
    const producer = this.#accepting();
    try {
      if (!(await producer.checkNow())) {
        this.#logger.warn(
          'The Redis of the notification queue cannot be reached yet: notifications are refused until it can, and the platform delivers them again',
        );
      }
    } catch (error) {
      producer.close();
      this.#producer = undefined;
      this.#isWorking = false;
      throw error;
    }
    if (this.#settings.concurrency === 0 || this.#closing) return;
    this.#consumer = new Consumer({
      settings: this.#settings,
      process,
      reports: this.#reports(),
      random: Math.random,
    });
  }

  /** As long as `closeTimeoutMs` and the end of its connections take. */
  get closesWithinMs(): number {
    return this.#settings.closeTimeoutMs + 3 * LAST_WORD_MS;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    await this.#consumer?.close();
    this.#producer?.close();
  }

  #accepting(): Producer {
    return (this.#producer ??= new Producer(this.#settings, {
      notDurable: (problems) =>
        this.#logger.warn(
          `ACCEPTED PAYMENTS MAY BE LOST. The Redis of the notification queue does not keep what it accepts: ${problems.join('; ')}`,
        ),
    }));
  }

  #reports(): ConstructorParameters<typeof Consumer>[0]['reports'] {
    const queue = `the notification queue "${this.#settings.name}"`;
    return {
      dead: (id) =>
        this.#logger.error(
          `${id === undefined ? 'A notification that could not be verified' : `The notification ${id}`} was not handled and is not tried any more: it stays in ${queue} as a failed job; repair what the log says and retry it there`,
        ),
      unreadable: () =>
        this.#logger.error(
          `${queue} holds a job that is none. Somebody can write to its Redis: see who, and change its password`,
        ),
      troubled: (message) => this.#logger.warn(`Redis fails for ${queue}: ${message}`),
      recovered: () => this.#logger.log(`Redis works again for ${queue}`),
    };
  }
}
