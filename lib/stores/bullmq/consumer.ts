import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import { WechatPayError, WechatPayNotificationError } from '../../errors/index.js';
import type { QueuedNotification } from '../../notification/queue.js';
import { connect, endForGood, PATIENT, type OwnClient } from './connect.js';
import type { QueueSettings } from './settings.js';

/** What a consumer tells, for logs. */
export interface ConsumerReports {
  /** A job failed for good. @param notificationId where it was verified */
  dead(notificationId: string | undefined): void;
  /** A job was refused: what lies in Redis is none. */
  unreadable(): void;
  /** Redis cannot be worked with; told once until it can. */
  troubled(message: string): void;
  recovered(): void;
}

/** What a consumer is made of. */
export interface ConsumerParts {
  readonly settings: QueueSettings;
  readonly process: (job: QueuedNotification, attempt: number) => Promise<void>;
  readonly reports: ConsumerReports;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** A process that dies with a job in its hands is not the job's fault; but one that kills each of them is. */
const MAX_STALLED = 50;
/** How often jobs are looked for whose process died: with the lock of 30 s others have them within a minute. */
const STALLED_EVERY_MS = 10_000;
/** How long a job waits whose merchant has too many running. */
const POSTPONE_MS = { first: 200, longest: 5_000 };

/** How long closing waits for Redis when no job runs, and as long again for BullMQ. */
export const LAST_WORD_MS = 1_000;

/** What is written to Redis of a failure: a code. What a handler threw may name a person. */
class JobError extends Error {
  constructor(
    code: string,
    readonly notificationId: string | undefined,
  ) {
    super(code);
    this.stack = '';
  }
}

/** Works on the jobs of the queue. */
export class Consumer {
  readonly #parts: ConsumerParts;
  readonly #clients: OwnClient[] = [];
  readonly #worker: Worker;
  /** Jobs that run, by merchant. */
  readonly #running = new Map<string, number>();
  #onIdle: () => void = () => undefined;
  #isTroubled = false;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
    const { settings, random } = parts;
    const { name, prefix, concurrency, keepFinished, keepFailed, firstMs, longestMs } = settings;
    const client = this.#track(connect(settings.connection, PATIENT));
    client.on('ready', () => this.#onReady());
    this.#worker = new NotificationWorker(name, (job, token) => this.#run(job, token), {
      connection: client,
      prefix,
      concurrency,
      maxStalledCount: MAX_STALLED,
      stalledInterval: STALLED_EVERY_MS,
      removeOnComplete: { count: keepFinished },
      removeOnFail: { count: keepFailed },
      settings: { backoffStrategy: (made) => growing(made, firstMs, longestMs, random) },
    });
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('failed', (job, error) => this.#onFailed(job, error));
  }

  /** Takes no more jobs, waits for those that run within the bound, and ends every connection. */
  async close(): Promise<void> {
    const paused = this.#worker.pause().catch(() => undefined);
    await within(Promise.race([paused, this.#idle()]), this.#parts.settings.closeTimeoutMs);
    // BullMQ tells Redis of the last jobs; without Redis it would wait for it.
    await within(paused, LAST_WORD_MS);
    // By force, or its timers would go on for a handler that never returns.
    await within(
      this.#worker.close(true).catch(() => undefined),
      LAST_WORD_MS,
    );
    for (const client of this.#clients) endForGood(client);
  }

  /** Resolves when no handler runs. */
  async #idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  async #run(job: Job, token: string | undefined): Promise<void> {
    const data: unknown = job.data;
    const merchant = merchantOf(data);
    const running = this.#running.get(merchant) ?? 0;
    if (running >= this.#parts.settings.concurrencyPerMerchant) return this.#postpone(job, token);
    this.#running.set(merchant, running + 1);
    try {
      await this.#parts.process(data as QueuedNotification, job.attemptsMade + 1);
    } catch (error) {
      throw asJobError(error);
    } finally {
      const left = (this.#running.get(merchant) ?? 1) - 1;
      if (left > 0) this.#running.set(merchant, left);
      else this.#running.delete(merchant);
      if (this.#running.size === 0) this.#onIdle();
    }
  }

  /** It comes again a little later, and this was no attempt. */
  async #postpone(job: Job, token: string | undefined): Promise<never> {
    const before = Math.max(0, (Number(job.attemptsStarted) || 0) - job.attemptsMade - 1);
    const ms = growing(before + 1, POSTPONE_MS.first, POSTPONE_MS.longest, this.#parts.random);
    await job.moveToDelayed(Date.now() + ms, token);
    throw new DelayedError();
  }

  #onFailed(job: Job | undefined, error: Error): void {
    if (error instanceof RefusedError) return; // told already
    if (job && job.finishedOn === undefined) return; // it is tried again
    this.#parts.reports.dead(error instanceof JobError ? error.notificationId : undefined);
  }

  #onError(error: Error): void {
    if (error instanceof SyntaxError) return this.#parts.reports.unreadable(); // its message quotes the job
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    this.#parts.reports.troubled(error.message);
  }

  #onReady(): void {
    if (this.#isTroubled) this.#parts.reports.recovered();
    this.#isTroubled = false;
  }

  /** BullMQ makes one more connection of each; all are ended here, in whatever state they are. */
  #track<T extends OwnClient>(client: T): T {
    this.#clients.push(client);
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => OwnClient;
    Object.assign(client, {
      duplicate: (...args: unknown[]) => this.#track(duplicate(...args)),
    });
    return client;
  }
}

/** Refused for good, and told by who refused it. */
class RefusedError extends UnrecoverableError {}

/** What cannot be read as a job is one that holds nothing, and is refused like any other. */
class NotificationWorker extends Worker {
  protected override createJob(...[data, id]: Parameters<Worker['createJob']>): Job {
    try {
      return super.createJob(data, id);
    } catch {
      return super.createJob({ ...data, data: 'null' }, id);
    }
  }
}

function asJobError(error: unknown): Error {
  if (!(error instanceof WechatPayNotificationError)) {
    return new JobError(error instanceof WechatPayError ? error.code : 'FAILED', undefined);
  }
  const { code, notificationId } = error;
  if (code !== 'NOTIFICATION_REFUSED') return new JobError(code, notificationId);
  const refusal = new RefusedError(code);
  refusal.stack = '';
  return refusal;
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}

/** @param nth from 1 */
function growing(nth: number, firstMs: number, longestMs: number, random: () => number): number {
  const fullMs = Math.min(longestMs, firstMs * 2 ** Math.min(nth - 1, 40));
  return Math.ceil(fullMs * (1 - random() / 2));
}

function merchantOf(data: unknown): string {
  const merchant =
    typeof data === 'object' && data !== null && 'merchant' in data ? data.merchant : undefined;
  return typeof merchant === 'string' ? merchant : '';
}
