import { addDays, chinaDate, chinaTimeMs } from './china-day.js';

/** Between one turn of a day and the next. */
const PAUSE_MS = 30 * 60_000;
/** After the first turn. */
const MORE_TURNS = 8;
/** Longer than all turns of a day take. */
const LEASE_MS = 6 * 3_600_000;

/** What is done once a day. */
export interface DailyWork {
  /** When the first turn is, `HH:mm` in China; all turns must be on the same day. */
  readonly at: string;
  /** This process's delay of every turn, less than the pause between them. */
  readonly delayMs: number;
  /** Asks for a turn that all processes share: yes, no, or nobody knows. Never rejects. */
  readonly tryLease: (key: string, ttlMs: number) => Promise<boolean | undefined>;
  /** Does the work of the day before. */
  readonly run: (date: string) => Promise<void>;
  /** It failed; after the last turn nobody tries again. */
  readonly failed: (date: string, error: unknown, isLast: boolean) => void;
}

interface Turn {
  /** The day that the work is about. */
  readonly date: string;
  /** From 0. */
  readonly number: number;
  readonly atMs: number;
}

/**
 * Does something once a day, in the first of nine turns, half an hour apart, in which it succeeds. Of the
 * processes that share a store one has a turn. It takes the next one with it, so that nobody begins again
 * what takes long, and after a success all others of the day; when it dies, another process goes on.
 */
export class DailyTurns {
  readonly #work: DailyWork;
  readonly #held = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;
  #doneDate = '';
  #isEnded = false;

  constructor(work: DailyWork) {
    this.#work = work;
  }

  /** Waits for the next turn, and so on. */
  start(): void {
    if (this.#isEnded) return;
    const nowMs = Date.now();
    const turn = this.#nextTurn(Math.max(nowMs, this.#lastMs));
    this.#timer = setTimeout(() => {
      this.#lastMs = turn.atMs;
      void this.#have(turn).finally(() => this.start());
    }, turn.atMs - nowMs);
    this.#timer.unref();
  }

  /** No further turn; one that runs is not kept from its end. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
  }

  #nextTurn(afterMs: number): Turn {
    const today = chinaDate(afterMs);
    const left = Array.from({ length: MORE_TURNS + 1 }, (_, number) =>
      this.#turn(today, number),
    ).filter(({ date, atMs }) => atMs > afterMs && date !== this.#doneDate);
    return left[0] ?? this.#turn(addDays(today, 1), 0);
  }

  #turn(day: string, number: number): Turn {
    const { at, delayMs } = this.#work;
    const atMs = chinaTimeMs(day, at) + number * PAUSE_MS + delayMs;
    return { date: addDays(day, -1), number, atMs };
  }

  /** Never rejects. */
  async #have({ date, number }: Turn): Promise<void> {
    if (number === 0) this.#held.clear();
    if (!(await this.#take(date, number)) || this.#isEnded) return;
    if (number < MORE_TURNS) await this.#take(date, number + 1);
    try {
      await this.#work.run(date);
      this.#doneDate = date;
      for (let later = number + 2; later <= MORE_TURNS; later += 1) await this.#take(date, later);
    } catch (error) {
      this.#work.failed(date, error, number === MORE_TURNS);
    }
  }

  async #take(date: string, number: number): Promise<boolean> {
    const key = `${date}:${number}`;
    if (this.#held.has(key)) return true;
    if ((await this.#work.tryLease(key, LEASE_MS)) === false) return false;
    this.#held.add(key);
    return true;
  }
}
