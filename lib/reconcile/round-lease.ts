/** What a lease is made of. */
export interface RoundLeaseParts {
  /** Asks the store that all processes share: yes, no, or nobody knows. Never rejects. */
  readonly tryLease: (key: string, ttlMs: number) => Promise<boolean | undefined>;
  /** Printable ASCII without spaces, at most 126 characters. */
  readonly name: string;
  readonly sliceMs: number;
}

/** The next slice is taken this part of a slice before it begins. */
const AHEAD = 0.1;
/** How long a lease outlasts its slice, in slices: clocks differ. */
const BEYOND = 0.5;
/** So many leases are used in turn: a store may keep something of each, and may end one late. */
const KEYS = 8;
/** Who has not gone on for so long gives way. */
const LONGEST_REST_MS = 10 * 60_000;

/**
 * The right to do a round, for as long as it takes. A lease of a store can be neither renewed nor given
 * back, so time is cut into slices, the same in every process, and each has a lease of its own: who works
 * takes the next one before it begins. When its holder dies, the next slice is free.
 *
 * Clocks that differ make two holders meet, and one of them stops; without a store, or while it is lost,
 * nobody knows better and everybody goes on.
 */
export class RoundLease {
  readonly #parts: RoundLeaseParts;
  #held: number;
  #movedAtMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #isLost = false;

  private constructor(parts: RoundLeaseParts, held: number) {
    this.#parts = parts;
    this.#held = held;
    this.#plan();
  }

  /** @returns `undefined` when another process has it; else {@link end} it */
  static async take(parts: RoundLeaseParts): Promise<RoundLease | undefined> {
    const slice = Math.floor(Date.now() / parts.sliceMs);
    return (await takeSlice(parts, slice)) ? new RoundLease(parts, slice) : undefined;
  }

  /** Whether another process does the round now, or may do it. */
  get isLost(): boolean {
    return this.#isLost || Date.now() >= endOf(this.#held, this.#parts.sliceMs);
  }

  /** The work goes on. What never does so would keep every process from it. */
  moved(): void {
    this.#movedAtMs = Date.now();
  }

  /** Takes no further slice. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #plan(): void {
    const { sliceMs } = this.#parts;
    const delayMs = (this.#held + 1 - AHEAD) * sliceMs - Date.now();
    this.#timer = setTimeout(() => void this.#goOn(), Math.max(1, Math.ceil(delayMs)));
    this.#timer.unref();
  }

  /** Never rejects. */
  async #goOn(): Promise<void> {
    const timer = this.#timer;
    const isAlive = !this.isLost && Date.now() - this.#movedAtMs < LONGEST_REST_MS;
    const isTaken = isAlive && (await takeSlice(this.#parts, this.#held + 1));
    if (!isTaken) this.#isLost = true;
    else if (this.#timer === timer) {
      this.#held += 1;
      this.#plan();
    }
  }
}

async function takeSlice(parts: RoundLeaseParts, slice: number): Promise<boolean> {
  const { tryLease, name, sliceMs } = parts;
  const ttlMs = endOf(slice, sliceMs) - Date.now();
  return (await tryLease(`${name}:${slice % KEYS}`, Math.ceil(ttlMs))) !== false;
}

/** When the lease of a slice ends. */
function endOf(slice: number, sliceMs: number): number {
  return (slice + 1 + BEYOND) * sliceMs;
}
