const GAP_MS = 60_000;

/**
 * What strangers can cause as often as they like is written to the log once a minute, for each of whom
 * it is about.
 */
export class RareLines {
  readonly #saidAtMs = new WeakMap<object, number>();

  /** Whether it may be said now; it counts as said then. */
  trySay(about: object, nowMs: number): boolean {
    const lastMs = this.#saidAtMs.get(about);
    if (lastMs !== undefined && Math.abs(nowMs - lastMs) < GAP_MS) return false;
    this.#saidAtMs.set(about, nowMs);
    return true;
  }
}
