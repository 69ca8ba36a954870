import { WechatPayTransportError } from '../../errors/index.js';
import type { Deadline } from '../deadline.js';
import { Bulkhead, type BulkheadLimits } from './bulkhead.js';

/** Calls of all merchants of a process at the same time, and those that wait. */
const PROCESS: BulkheadLimits = { maxConcurrency: 1_024, maxQueue: 1_024 };

/** The bulkhead that all merchants of a process share. */
export function createProcessBulkhead(): Bulkhead {
  return new Bulkhead('in this process', PROCESS);
}

/**
 * Lets the calls of one merchant in: as many as it may have, as many as the process may have, and none
 * once it is closed.
 *
 * @internal
 */
export class Admission {
  readonly #own: Bulkhead;
  readonly #process: Bulkhead;
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(limits: BulkheadLimits, process: Bulkhead) {
    this.#own = new Bulkhead('of this merchant', limits);
    this.#process = process;
  }

  /** The merchant's own bulkhead, to look at and to slow down. */
  get own(): Bulkhead {
    return this.#own;
  }

  /**
   * Lets a call in; {@link leave} must follow.
   *
   * @returns nothing to wait for, or the wait
   * @throws {WechatPayTransportError} `CLOSED`, `OVERLOADED`, or why the call ended
   */
  enter(deadline: Deadline): Promise<void> | undefined {
    if (this.#isClosed) {
      throw new WechatPayTransportError(
        'CLOSED',
        'This merchant was removed, or the application is shutting down',
      );
    }
    if (!this.#own.tryEnter())
      return this.#own.enter(deadline).then(() => this.#enterProcess(deadline));
    return this.#process.tryEnter() ? undefined : this.#enterProcess(deadline);
  }

  leave(): void {
    this.#process.leave();
    this.#own.leave();
    if (this.#own.running === 0) this.#whenIdle?.();
  }

  /** Refuses new calls, and waits for those that run, so long at most. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#own.running === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #enterProcess(deadline: Deadline): Promise<void> {
    try {
      if (!this.#process.tryEnter()) await this.#process.enter(deadline);
    } catch (error) {
      this.#own.leave();
      throw error;
    }
  }
}
