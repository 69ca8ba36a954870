import {
  assertInboxKey,
  DONE_MS,
  LONGEST_RUN_MS,
  type InboxClaim,
  type NotificationInbox,
} from './inbox.js';

/**
 * Settings of a {@link MemoryNotificationInbox}.
 *
 * @publicApi
 */
export interface MemoryNotificationInboxOptions {
  /** Events and handlers to remember, 1 to 10,000,000; the oldest leave first. @default 100000 */
  readonly maxEntries?: number | undefined;
}

/** Room is made before it is needed, by looking at so many of the oldest at each claim. */
const SWEEP = 2;

/**
 * An inbox of this process: duplicates that reach another process run again, and nothing outlives a
 * restart. What is running is never forgotten for want of room. Above the bound a claim fails, and the
 * platform comes back.
 *
 * @publicApi
 */
export class MemoryNotificationInbox implements NotificationInbox {
  /** By key, in the order of their end: until when. */
  readonly #done = new Map<string, number>();
  /** By key, in the order of their beginning: until when. */
  readonly #running = new Map<string, { readonly untilMs: number }>();
  readonly #maxEntries: number;
  readonly #clock: () => number;

  constructor(
    { maxEntries = 100_000 }: MemoryNotificationInboxOptions = {},
    clock: () => number = () => performance.now(),
  ) {
    if (!(Number.isInteger(maxEntries) && maxEntries >= 1 && maxEntries <= 10_000_000)) {
      throw new RangeError('maxEntries is a whole number from 1 to 10000000');
    }
    this.#maxEntries = maxEntries;
    this.#clock = clock;
  }

  /** What is remembered now. */
  get size(): number {
    return this.#done.size + this.#running.size;
  }

  /** @throws {RangeError} for a key that is none, and when all that is remembered is running */
  claim(key: string): InboxClaim {
    assertInboxKey(key);
    const nowMs = this.#clock();
    if ((this.#done.get(key) ?? 0) > nowMs) return { state: 'done' };
    if ((this.#running.get(key)?.untilMs ?? 0) > nowMs) return { state: 'running' };
    this.#makeRoom(nowMs);
    const lease = { untilMs: nowMs + LONGEST_RUN_MS };
    this.#running.set(key, lease);
    const end = (): void => {
      if (this.#running.get(key) === lease) this.#running.delete(key);
    };
    return {
      state: 'claimed',
      done: () => {
        end();
        this.#done.delete(key);
        this.#done.set(key, Math.ceil(this.#clock() + DONE_MS));
      },
      release: end,
    };
  }

  /**
   * Forgets what is over, and what is done when there are too many.
   *
   * @throws {RangeError} when all that is remembered is running
   */
  #makeRoom(nowMs: number): void {
    this.#forget(this.#done, (untilMs, isFull) => isFull || untilMs <= nowMs);
    this.#forget(this.#running, ({ untilMs }) => untilMs <= nowMs);
    if (this.size < this.#maxEntries) return;
    throw new RangeError('The inbox is full of handlers that are running');
  }

  /** Both kinds are in the order of their times: when the oldest stays, all stay. */
  #forget<T>(entries: Map<string, T>, mayGo: (entry: T, isFull: boolean) => boolean): void {
    let looked = 0;
    for (const [key, entry] of entries) {
      const isFull = this.size >= this.#maxEntries;
      if ((looked >= SWEEP && !isFull) || !mayGo(entry, isFull)) return;
      entries.delete(key);
      looked += 1;
    }
  }
}
