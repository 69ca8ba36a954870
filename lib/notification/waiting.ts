import type { DispatchSettings } from './receivers.js';

/** How long the platform waits for handlers unless it is said otherwise. */
export const DEFAULT_ACK_TIMEOUT_MS = 4_000;

/** What is left of the time that the platform waits, in milliseconds, counted from the receipt. */
export function leftMs(
  { ackTimeoutMs = DEFAULT_ACK_TIMEOUT_MS }: DispatchSettings,
  receivedAtMs: number,
  nowMs: number,
): number {
  return Math.min(Math.max(ackTimeoutMs - (nowMs - receivedAtMs), 0), ackTimeoutMs);
}

/** Whether something has to be waited for, whoever's promise it is. */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function';
}

interface Wait {
  readonly result: Promise<unknown>;
  readonly untilMs: number;
  readonly giveUp: () => void;
}

/**
 * Waits for work no longer than it may take. One timer serves all that wait: hardly any is ever needed,
 * and one for each would cost a notification 4 µs (measured). It keeps no process alive.
 */
export class Patience {
  readonly #waits = new Set<Wait>();
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;

  /** What is waited for just now. */
  get pending(): readonly Promise<unknown>[] {
    return Array.from(this.#waits, ({ result }) => result);
  }

  /** The result, or `undefined` when it takes longer. */
  within<T>(result: Promise<T>, ms: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const nowMs = performance.now();
      const wait: Wait = { result, untilMs: nowMs + ms, giveUp: () => resolve(undefined) };
      this.#waits.add(wait);
      if (wait.untilMs < this.#timerAtMs) this.#setTimer(nowMs, wait.untilMs);
      result.then(
        (value) => {
          this.#waits.delete(wait);
          resolve(value);
        },
        (error: unknown) => {
          this.#waits.delete(wait);
          reject(error as Error);
        },
      );
    });
  }

  #setTimer(nowMs: number, atMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.ceil(atMs - nowMs)));
    this.#timer.unref();
  }

  readonly #onTimer = (): void => {
    // Node's timers may be a fraction of a millisecond early.
    const nowMs = Math.max(performance.now(), this.#timerAtMs);
    let nextMs = Infinity;
    for (const wait of this.#waits) {
      if (wait.untilMs > nowMs) {
        nextMs = Math.min(nextMs, wait.untilMs);
        continue;
      }
      this.#waits.delete(wait);
      wait.giveUp();
    }
    this.#timerAtMs = nextMs;
    if (nextMs < Infinity) this.#setTimer(nowMs, nextMs);
  };
}
