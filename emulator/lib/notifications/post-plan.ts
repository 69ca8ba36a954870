/** What a plan is made from. @internal */
export interface PlanSettings {
  /** Between one copy of an event and the next, milliseconds. */
  readonly delayMs: number;
  /** Up to so much is added to each post, milliseconds. */
  readonly spreadMs: number;
  readonly shuffle: boolean;
  /** The same seed makes the same plan. */
  readonly seed: number;
}

/** One post of a plan. @internal */
export interface PlannedPost {
  /** Which event. */
  readonly index: number;
  /** Milliseconds after the start. */
  readonly afterMs: number;
}

/**
 * Which event is posted when: copy after copy, event after event, or all of them in any order; later
 * ones later.
 *
 * @param copies how often each event is posted
 * @internal
 */
export function* planPosts(
  copies: readonly number[],
  { delayMs, spreadMs, shuffle, seed }: PlanSettings,
): Generator<PlannedPost> {
  const random = newRandom(seed);
  const count = copies.reduce((sum, each) => sum + each, 0);
  const events = new Uint32Array(count);
  const times = new Float64Array(count);
  let filled = 0;
  copies.forEach((each, index) => {
    for (let copy = 0; copy < each; copy += 1) {
      events[filled] = index;
      times[filled] = copy * delayMs + random() * spreadMs;
      filled += 1;
    }
  });
  const order = Uint32Array.from({ length: count }, (_, position) => position);
  if (shuffle) shuffleWith(order, random);
  if (delayMs > 0 || spreadMs > 0) order.sort((a, b) => at(times, a) - at(times, b)); // stable
  for (const position of order) {
    yield { index: at(events, position), afterMs: at(times, position) };
  }
}

/** Fisher and Yates: every order is as likely. */
function shuffleWith(order: Uint32Array, random: () => number): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const kept = at(order, last);
    order[last] = at(order, other);
    order[other] = kept;
  }
}

function at(list: Uint32Array | Float64Array, index: number): number {
  return list[index] ?? 0;
}

/**
 * Numbers from 0 to 1 that follow from the seed.
 *
 * @see Marsaglia, Xorshift RNGs, 2003: the triple 13, 17, 5
 */
function newRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let warmUp = 0; warmUp < 8; warmUp += 1) next();
  return next;
}
