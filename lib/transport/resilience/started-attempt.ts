import { WechatPayTransportError, type TransportErrorCode } from '../../errors/index.js';
import type { Deadline } from '../deadline.js';
import { Attempt } from './attempt.js';
import type { Host } from './hosts.js';

/** A connection that has not come about by then is given up for another host, if there is one. */
const CONNECT_MS = 1_500;

/** What an attempt is started with. */
export interface AttemptParts<T> {
  readonly deadline: Deadline;
  readonly host: Host;
  readonly number: number;
  readonly isHedge: boolean;
  readonly work: (attempt: Attempt) => Promise<T>;
  /** How long it may take; `undefined` for as long as the call, as no other may follow. */
  readonly attemptTimeoutMs: number | undefined;
  /** Asked when that time is over: an attempt is ended only for the sake of another. */
  readonly mayRepeat: () => boolean;
  readonly hasOtherHost: boolean;
}

/**
 * An attempt under way, with limits of its own inside the deadline of its call.
 *
 * @internal
 */
export class StartedAttempt<T> {
  readonly answer: Promise<T>;
  readonly #attempt: Attempt;
  readonly #parts: AttemptParts<T>;

  constructor(parts: AttemptParts<T>) {
    const { deadline, host, number, isHedge } = parts;
    this.#parts = parts;
    this.#attempt = new Attempt(deadline, host.origin, number, isHedge);
    this.answer = this.#run();
  }

  /** Ends it: another one has the answer. */
  stop(): void {
    this.#giveUp('ABORTED', 'Another attempt was answered first');
  }

  async #run(): Promise<T> {
    const { host, work, deadline, attemptTimeoutMs, mayRepeat, hasOtherHost } = this.#parts;
    const attempt = this.#attempt;
    const forgetTime =
      attemptTimeoutMs === undefined
        ? undefined
        : deadline.after(attemptTimeoutMs, () => {
            // one whose keys have not come yet would wait for them again
            if (attempt.hasBegun && mayRepeat()) {
              this.#giveUp(
                'TIMEOUT',
                `${host.origin} did not answer within ${attemptTimeoutMs} ms`,
              );
            }
          });
    const forgetConnect = hasOtherHost
      ? deadline.after(CONNECT_MS, () => {
          if (!attempt.hasBegun || attempt.wasSent) return;
          this.#giveUp('CONNECTION_FAILED', `${host.origin}: no connection in ${CONNECT_MS} ms`);
        })
      : undefined;
    try {
      return await host.run(() => work(attempt));
    } finally {
      forgetTime?.();
      forgetConnect?.();
      attempt.dispose();
    }
  }

  #giveUp(code: TransportErrorCode, message: string): void {
    this.#attempt.end(new WechatPayTransportError(code, message, { isRetryable: true }));
  }
}
