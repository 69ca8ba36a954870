import { Observable, share, type Subscriber } from 'rxjs';
import { WechatPayStoreError } from '../errors/index.js';

/** How often a watch asks by itself, in milliseconds: what a lost message costs at most. */
const DEFAULT_POLL_MS = 5_000;
/** Polls are at least this far apart, however many messages come. */
const GAP_MS = 20;

/** What a watch is made of. */
export interface WatchParts {
  /**
   * Asks what changed since the last time; the first time it may answer with nothing. Called at once on
   * subscribing, never twice at the same time. A rejection ends the watch.
   */
  poll(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Listens for a reason to ask before the time: the server's messages. Calls `nudge` also when it
   * begins to hear, and when it lost its connection; `fail` when it can go on no more.
   *
   * @returns what ends it
   */
  listen?(nudge: () => void, fail: (error: unknown) => void): () => void;
  /** Time between polls when nothing is heard, in milliseconds. */
  readonly everyMs: number;
}

/**
 * A cold watch that rests on polling and is made quick by messages: a message that is lost costs one
 * interval, and a listener that told nothing of what a poll then found is replaced. Subscribers at the
 * same time share one watch.
 */
export function watchByPolling(parts: WatchParts): Observable<string> {
  const unheard = new Set<string>();
  return new Observable<string>((subscriber) => {
    const watch = new PollingWatch(parts, subscriber, unheard);
    watch.run();
    return () => watch.stop();
  }).pipe(share());
}

/** @throws {WechatPayStoreError} unless it is 20 to 60,000 ms */
export function pollEvery(pollMs: number = DEFAULT_POLL_MS): number {
  if (pollMs >= GAP_MS && pollMs <= 60_000) return pollMs;
  throw new WechatPayStoreError(`pollMs is ${GAP_MS} to 60000 milliseconds`);
}

class PollingWatch {
  readonly #parts: WatchParts;
  readonly #subscriber: Subscriber<string>;
  /** What a poll found when its watch had ended meanwhile: the next one tells it. */
  readonly #unheard: Set<string>;
  readonly #ending = new AbortController();
  #unlisten: (() => void) | undefined;
  #isNudged = false;
  #wake: () => void = () => undefined;

  constructor(parts: WatchParts, subscriber: Subscriber<string>, unheard: Set<string>) {
    this.#parts = parts;
    this.#subscriber = subscriber;
    this.#unheard = unheard;
  }

  run(): void {
    this.#loop().catch((error: unknown) => this.#subscriber.error(error));
  }

  stop(): void {
    this.#ending.abort();
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#wake();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const wasNudged = this.#isNudged;
      this.#isNudged = false;
      const changed = await this.#parts.poll(signal);
      if (signal.aborted) {
        for (const each of changed) this.#unheard.add(each);
        return;
      }
      const isDeaf = changed.length > 0 && !wasNudged && !this.#isNudged;
      if (!this.#unlisten || isDeaf) this.#listen();
      const told = [...this.#unheard, ...changed];
      this.#unheard.clear();
      for (const each of told) this.#subscriber.next(each);
      await this.#pause(GAP_MS);
      if (!this.#isNudged) await this.#pause(this.#parts.everyMs);
    }
  }

  #listen(): void {
    this.#unlisten?.();
    this.#unlisten = this.#parts.listen?.(
      () => {
        this.#isNudged = true;
        this.#wake();
      },
      (error) => this.#subscriber.error(error),
    );
  }

  /** Ends early at a nudge, save for the gap that keeps polls apart. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ending.signal.aborted) return resolve();
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        if (ms === GAP_MS && !this.#ending.signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
