import { setTimeout as pause } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { WechatPayConfigurationError, WechatPayStoreError } from '../../errors/index.js';
import type { QueuedNotification } from '../../notification/queue.js';
import { connect, FAILING_FAST, type OwnClient } from './connect.js';
import { durabilityProblems, notDurable } from './durability.js';
import type { QueueSettings } from './settings.js';

/** Name of the one kind of job. */
const JOB = 'notification';
/** Name of our own delays between attempts. */
export const BACKOFF = 'wechatpay';
/** What may be on its way to Redis at the same time; a server that hangs gathers no more. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** How soon the start looks again whether Redis keeps what it accepts. */
const ASK_AGAIN_MS = 50;
/** A job beside its body: headers, options, what a promise costs. */
const JOB_BYTES = 4_096;

/** What a producer tells, for logs. */
export interface ProducerReports {
  notDurable(problems: readonly string[]): void;
}

/** Puts jobs into the queue, each within its time or not at all as far as anybody can know. */
export class Producer {
  readonly #settings: QueueSettings;
  readonly #reports: ProducerReports;
  readonly #client: OwnClient;
  readonly #waiters = new Set<() => void>();
  #queue: Queue | undefined;
  /** Of this connection: another one may lead to another server. */
  #check: Promise<readonly string[]> | undefined;
  #warned = '';
  #pendingBytes = 0;

  constructor(settings: QueueSettings, reports: ProducerReports) {
    this.#settings = settings;
    this.#reports = reports;
    this.#client = connect(settings.connection, FAILING_FAST);
    this.#client.on('ready', () => {
      for (const wake of this.#waiters) wake();
    });
    this.#client.on('close', () => (this.#check = undefined));
  }

  /**
   * Resolves when Redis keeps the job.
   *
   * @throws {WechatPayStoreError} when Redis fails, or does not answer within `enqueueTimeoutMs`; then it
   * may have the job all the same
   * @throws {WechatPayConfigurationError} when it does not keep what it accepts, and has to
   */
  async add(job: QueuedNotification): Promise<void> {
    const bytes = job.body.length + JOB_BYTES;
    if (this.#pendingBytes + bytes > MAX_PENDING_BYTES) {
      throw failure('Redis left too many jobs unanswered: check the server and the network');
    }
    this.#pendingBytes += bytes;
    // What is given up on still counts until the client settles it.
    await this.#withinTime(async (signal) => {
      try {
        await this.#ready(signal);
        await this.#assertDurable();
        if (signal.aborted) return;
        await this.#open().add(JOB, job, {
          attempts: this.#settings.attempts,
          backoff: { type: BACKOFF },
          // What a handler throws may name a person: no stack of it lies in Redis.
          stackTraceLimit: 0,
        });
      } finally {
        this.#pendingBytes -= bytes;
      }
    });
  }

  /**
   * Looks whether Redis keeps what it accepts, if it can be reached within `enqueueTimeoutMs`.
   *
   * @returns whether it was reached
   * @throws {WechatPayConfigurationError} when it does not, and has to
   */
  async checkNow(): Promise<boolean> {
    try {
      await this.#withinTime(async (signal) => {
        while (!(await this.#isChecked(signal))) await pause(ASK_AGAIN_MS);
      });
      return true;
    } catch (error) {
      if (error instanceof WechatPayConfigurationError) throw error;
      return false;
    }
  }

  /** @returns `false` when it cannot be known at this moment, as while a cluster finds itself */
  async #isChecked(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#ready(signal);
      await this.#assertDurable();
      return true;
    } catch (error) {
      if (signal.aborted || error instanceof WechatPayConfigurationError) throw error;
      return false;
    }
  }

  /** Ends the connection; what is on its way fails. */
  close(): void {
    this.#client.disconnect();
    for (const wake of this.#waiters) wake();
  }

  /** Only with a connection that stands, so that nothing in it waits for one. */
  #open(): Queue {
    if (this.#queue) return this.#queue;
    const { name, prefix } = this.#settings;
    const queue = new Queue(name, { connection: this.#client, prefix, skipVersionCheck: true });
    queue.on('error', () => undefined); // the job that failed says so
    return (this.#queue = queue);
  }

  async #assertDurable(): Promise<void> {
    this.#check ??= durabilityProblems(this.#client).catch((error: unknown) => {
      this.#check = undefined;
      throw error;
    });
    const problems = await this.#check;
    if (problems.length === 0) return;
    if (this.#settings.isDurabilityRequired) throw notDurable(problems);
    const text = problems.join('; ');
    if (text !== this.#warned) this.#reports.notDurable(problems);
    this.#warned = text;
  }

  /** Waits for the connection; whoever gives up waits no longer. */
  async #ready(signal: AbortSignal): Promise<void> {
    while (this.#client.status !== 'ready') {
      if (signal.aborted || this.#client.status === 'end') throw failure('Redis cannot be reached');
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiters.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiters.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  async #withinTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { enqueueTimeoutMs } = this.#settings;
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(failure(`Redis did not take the job within ${enqueueTimeoutMs} ms`));
        controller.abort();
        this.#giveUpOn(this.#client.status);
      }, enqueueTimeoutMs);
      timer.unref();
    });
    try {
      await Promise.race([work(controller.signal), late]);
    } catch (cause) {
      if (cause instanceof WechatPayStoreError || cause instanceof WechatPayConfigurationError) {
        throw cause;
      }
      throw failure('Redis failed: check the server, the connection and its permissions', cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A connection that stands and does not answer may be dead: what it holds is let go, and it is made anew. */
  #giveUpOn(status: string): void {
    if (status === 'ready' || status === 'connect') this.#client.disconnect(true);
  }
}

function failure(message: string, cause?: unknown): WechatPayStoreError {
  return new WechatPayStoreError(message, { cause, isRetryable: true });
}
