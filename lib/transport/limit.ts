import type { WechatPayTransportError } from '../errors/index.js';

/**
 * What may end work before it is done: a whole call, or one attempt of it.
 *
 * @internal
 */
export class Limit {
  readonly #listeners = new Set<(reason: WechatPayTransportError) => void>();
  #reason: WechatPayTransportError | undefined;
  #controller: AbortController | undefined;
  /** Whether a request was handed to the network under it. */
  hasBegun = false;
  /** Whether bytes of it may have left. */
  wasSent = false;

  /** Why it ended, or `undefined` while it goes on. */
  get reason(): WechatPayTransportError | undefined {
    return this.#reason;
  }

  /** Aborts when it ends early; made only when somebody asks for it. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = (this.#controller = new AbortController());
      this.onEnd((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  /** Calls `listener` when it ends early; returns how to take that back. */
  onEnd(listener: (reason: WechatPayTransportError) => void): () => void {
    if (this.#reason) listener(this.#reason);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for a promise shared with others, only as long as this lasts. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const forget = this.onEnd(reject);
      promise.then(resolve, reject).finally(forget);
    });
  }

  /** Ends it early, once, and tells everyone who waits. */
  end(reason: WechatPayTransportError): void {
    if (this.#reason) return;
    this.#reason = reason;
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }

  /** Lets go of everyone who waits: the work is done. */
  protected forgetAll(): void {
    this.#listeners.clear();
  }
}
