import type { NotificationQueue, QueuedNotification } from 'nestjs-wechatpay';

/** A queue that a test works off by hand. */
export class HeldQueue implements NotificationQueue {
  readonly jobs: QueuedNotification[] = [];
  starts = 0;
  isClosed = false;
  /** What enqueueing does beside keeping the job. */
  onEnqueue: () => unknown = () => undefined;
  onWork: () => unknown = () => undefined;
  onClose: () => unknown = () => undefined;
  closesWithinMs: number | undefined;
  #process: (job: QueuedNotification, attempt?: number) => Promise<void> = () => Promise.resolve();

  async enqueue(job: QueuedNotification): Promise<void> {
    await this.onEnqueue();
    this.jobs.push(job);
  }

  async work(process: (job: QueuedNotification, attempt?: number) => Promise<void>): Promise<void> {
    this.starts += 1;
    await this.onWork();
    this.#process = process;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.onClose();
  }

  /** Has a job processed, the oldest one if none is given. */
  process(job: unknown = this.jobs.shift(), attempt?: number): Promise<void> {
    return this.#process(job as QueuedNotification, attempt);
  }
}
