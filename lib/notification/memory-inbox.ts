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

interface Entry {
  isDone: boolean;
  untilMs: number;
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
  readonly #entries = new Map<string, Entry>();
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
    return this.#entries.size;
  }

  /** @throws {RangeError} for a key that is none, and when all that is remembered is running */
  async claim(key: string): Promise<InboxClaim> {
    assertInboxKey(key);
    const nowMs = this.#clock();
    const held = this.#entries.get(key);
    if (held && held.untilMs > nowMs) {
      return { state: held.isDone ? 'done' : 'running' };
    }
    this.#entries.delete(key);
    if (!this.#makeRoom(nowMs)) {
      throw new RangeError('The inbox is full of handlers that are running');
    }
    const entry: Entry = { isDone: false, untilMs: nowMs + LONGEST_RUN_MS };
    this.#entries.set(key, entry);
    return {
      state: 'claimed',
      done: () => {
        entry.isDone = true;
        entry.untilMs = this.#clock() + DONE_MS;
        this.#entries.delete(key); // in the order of their end
        this.#entries.set(key, entry);
        return Promise.resolve();
      },
      release: () => {
        if (!entry.isDone && this.#entries.get(key) === entry) this.#entries.delete(key);
        return Promise.resolve();
      },
    };
  }

  /** Forgets what is over, and what is done when there are too many. */
  #makeRoom(nowMs: number): boolean {
    let looked = 0;
    for (const [key, { isDone, untilMs }] of this.#entries) {
      const isFull = this.#entries.size >= this.#maxEntries;
      if (!isFull && looked >= SWEEP) return true;
      if (untilMs <= nowMs || (isFull && isDone)) this.#entries.delete(key);
      looked += 1;
    }
    return this.#entries.size < this.#maxEntries;
  }
}
