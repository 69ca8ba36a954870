/** Between two questions about one order, in milliseconds. */
const SHORTEST_MS = 30_000;
const LONGEST_MS = 24 * 3_600_000;

interface Asked {
  readonly bornAtMs: number;
  nextAtMs: number;
  /** Questions without an answer since the last one with. */
  failures: number;
  /** The pass that met it last. */
  pass: number;
}

/**
 * When to ask about each order: the older it is, the more seldom, as the pause doubles its age; soon
 * again when there was no answer. An order that a whole pass no longer meets is forgotten.
 */
export class AskSchedule {
  readonly #asked = new Map<string, Asked>();
  readonly #max: number;
  readonly #random: () => number;
  #pass = 0;

  /** @param max orders to remember; those beyond it are asked about at every pass */
  constructor(max: number, random: () => number) {
    this.#max = max;
    this.#random = random;
  }

  /** Orders that are remembered. */
  get size(): number {
    return this.#asked.size;
  }

  /** Begins a pass over everything that is open. */
  begin(): void {
    this.#pass += 1;
  }

  /** Whether it is time to ask about this one, which counts as asked then. */
  isDue(key: string, nowMs: number, createdAtMs: number = nowMs): boolean {
    let asked = this.#asked.get(key);
    if (!asked) {
      asked = {
        bornAtMs: Math.min(createdAtMs, nowMs),
        nextAtMs: nowMs,
        failures: 0,
        pass: this.#pass,
      };
      if (this.#asked.size < this.#max) this.#asked.set(key, asked);
    }
    asked.pass = this.#pass;
    if (asked.nextAtMs > nowMs) return false;
    const pauseMs = Math.min(Math.max(nowMs - asked.bornAtMs, SHORTEST_MS), LONGEST_MS);
    asked.nextAtMs = nowMs + this.#spread(pauseMs);
    return true;
  }

  /**
   * Says what came of the question. One without an answer is asked again after the shortest pause, which
   * doubles while it goes on so, and not later than with one.
   */
  answered(key: string, nowMs: number, isAnswered: boolean): void {
    const asked = this.#asked.get(key);
    if (!asked) return;
    if (isAnswered) {
      asked.failures = 0;
      return;
    }
    const pauseMs = Math.min(SHORTEST_MS * 2 ** asked.failures, LONGEST_MS);
    asked.failures += 1;
    asked.nextAtMs = Math.min(asked.nextAtMs, nowMs + this.#spread(pauseMs));
  }

  /** Ends a pass that has met everything: what it did not meet is settled. */
  end(): void {
    for (const [key, { pass }] of this.#asked) {
      if (pass !== this.#pass) this.#asked.delete(key);
    }
  }

  #spread(ms: number): number {
    return Math.round(ms * (0.9 + 0.2 * this.#random()));
  }
}
