import { WechatPayRequestError, WechatPayTransportError } from '../errors/index.js';
import { Limit } from './limit.js';

/** Something to do at a time within a call. */
interface Mark {
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * The one timer of a call. It ends a call when its total time is over or the caller's signal
 * aborts, whichever is first, and it is the clock of everything inside: limits of attempts, pauses,
 * places in a queue. (An own timer costs 1.5 µs a call, `AbortSignal.any([timeout, parent])` 13 to
 * 48 µs; measured.)
 *
 * @internal
 */
export class Deadline extends Limit {
  readonly #timeoutMs: number;
  readonly #endsAtMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #marks = new Set<Mark>();
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = 0;
  #isOver = false;

  /**
   * @param timeoutMs total time of the call, 1 to 2^31 - 1 milliseconds
   * @param signal the caller's own signal; its reason becomes the cause of the error
   * @param firstMs when the first mark is expected, so that the timer is set once; a guess only
   * @throws {WechatPayRequestError} when the signal is none
   */
  constructor(timeoutMs: number, signal?: AbortSignal, firstMs: number = timeoutMs) {
    super();
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new WechatPayRequestError('signal must be an AbortSignal: give controller.signal');
    }
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const nowMs = performance.now();
    this.#endsAtMs = nowMs + timeoutMs;
    this.#setTimer(nowMs, Math.min(nowMs + firstMs, this.#endsAtMs));
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Time left in milliseconds, 0 when it is over. */
  get remainingMs(): number {
    return this.reason ? 0 : Math.max(0, this.#endsAtMs - performance.now());
  }

  /** Calls `run` after a time, unless the call ends before; returns how to take that back. */
  after(ms: number, run: () => void): () => void {
    if (this.#isOver) return () => undefined;
    const nowMs = performance.now();
    const mark = { atMs: nowMs + ms, run };
    this.#marks.add(mark);
    if (mark.atMs < this.#timerAtMs) this.#setTimer(nowMs, mark.atMs);
    return () => this.#marks.delete(mark);
  }

  /** Waits for a time; rejects when the call ends before. */
  pause(ms: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const forget = this.onEnd(reject);
      this.after(ms, () => {
        forget();
        resolve();
      });
    });
  }

  override end(reason: WechatPayTransportError): void {
    this.#stop();
    super.end(reason);
  }

  /** Must be called when the call is over: stops the timer and lets go of the signal. */
  dispose(): void {
    this.#stop();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.forgetAll();
  }

  #stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#marks.clear();
  }

  #setTimer(nowMs: number, atMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.round(atMs - nowMs)));
  }

  readonly #onTimer = (): void => {
    // Node's timers may be a fraction of a millisecond early.
    const nowMs = Math.max(performance.now(), this.#timerAtMs);
    if (nowMs >= this.#endsAtMs) {
      this.end(
        new WechatPayTransportError('TIMEOUT', `The call took longer than ${this.#timeoutMs} ms`, {
          isRetryable: true,
        }),
      );
      return;
    }
    for (const mark of this.#marks) {
      if (mark.atMs > nowMs) continue;
      this.#marks.delete(mark);
      mark.run();
    }
    if (this.#isOver) return;
    let nextMs = this.#endsAtMs;
    for (const { atMs } of this.#marks) nextMs = Math.min(nextMs, atMs);
    this.#setTimer(nowMs, nextMs);
  };

  readonly #onAbort = (): void => {
    const cause: unknown = this.#signal?.reason;
    this.end(
      new WechatPayTransportError('ABORTED', 'The call was aborted by its caller', { cause }),
    );
  };
}
