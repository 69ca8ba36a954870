import { WechatPayRequestError, WechatPayTransportError } from '../errors/index.js';

/**
 * The one timer of a call. It ends a call when its total time is over or the caller's signal
 * aborts, whichever is first, and tells everyone who waits. (An own timer costs 1.5 µs a call,
 * `AbortSignal.any([timeout, parent])` 13 to 48 µs; measured.)
 *
 * @internal
 */
export class Deadline {
  readonly #endsAtMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #listeners = new Set<(reason: Error) => void>();
  #reason: WechatPayTransportError | undefined;
  #controller: AbortController | undefined;

  /**
   * @param timeoutMs total time of the call, 1 to 2^31 - 1 milliseconds
   * @param signal the caller's own signal; its reason becomes the cause of the error
   * @throws {WechatPayRequestError} when the signal is none
   */
  constructor(timeoutMs: number, signal?: AbortSignal) {
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new WechatPayRequestError('signal must be an AbortSignal: give controller.signal');
    }
    this.#endsAtMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => {
      this.#end(
        new WechatPayTransportError('TIMEOUT', `The call took longer than ${timeoutMs} ms`, {
          isRetryable: true,
        }),
      );
    }, timeoutMs);
    this.#signal = signal;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Why the call ended, or `undefined` while it goes on. */
  get reason(): WechatPayTransportError | undefined {
    return this.#reason;
  }

  /** Aborts when the call ends early; made only when somebody asks for it. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = (this.#controller = new AbortController());
      this.onEnd((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  /** Time left in milliseconds, 0 when it is over. */
  get remainingMs(): number {
    return this.#reason ? 0 : Math.max(0, this.#endsAtMs - performance.now());
  }

  /** Calls `listener` when the call ends early; returns how to take that back. */
  onEnd(listener: (reason: Error) => void): () => void {
    if (this.#reason) listener(this.#reason);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for a promise shared with others, for this caller only as long as its time lasts. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const forget = this.onEnd(reject);
      promise.then(resolve, reject).finally(forget);
    });
  }

  /** Must be called when the call is over: stops the timer and lets go of the signal. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#listeners.clear();
  }

  readonly #onAbort = (): void => {
    const cause: unknown = this.#signal?.reason;
    this.#end(
      new WechatPayTransportError('ABORTED', 'The call was aborted by its caller', { cause }),
    );
  };

  #end(reason: WechatPayTransportError): void {
    this.#reason ??= reason;
    clearTimeout(this.#timer);
    for (const listener of this.#listeners) listener(this.#reason);
    this.#listeners.clear();
  }
}
