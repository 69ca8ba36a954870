import type { KeyEvents } from '../events/index.js';

/** A previous key may open every notification for days: one event an hour says it. */
const NOTICE_GAP_MS = 3_600_000;

/** What is said once an hour, however often it happens. */
export type KeyNotice = 'previous-api-v3-key-used' | 'previous-private-key-used';

/** Says that a previous key was needed, once an hour for each kind of key. */
export class KeyNotices {
  readonly #events: KeyEvents;
  readonly #clock: () => number;
  readonly #saidAtMs = new Map<KeyNotice, number>();

  constructor(events: KeyEvents, clock: () => number) {
    this.#events = events;
    this.#clock = clock;
  }

  say(type: KeyNotice): void {
    const nowMs = this.#clock();
    const lastMs = this.#saidAtMs.get(type);
    if (lastMs !== undefined && nowMs - lastMs < NOTICE_GAP_MS) return;
    this.#saidAtMs.set(type, nowMs);
    this.#events.publish({ type });
  }
}
