interface Slot<T> {
  readonly item: T;
  readonly atMs: number;
  index: number;
}

/**
 * Items by when they are due, soonest first: a binary heap, in which an item can be moved. Each change
 * costs a few steps, however many items there are.
 */
export class DueQueue<T> {
  readonly #heap: Slot<T>[] = [];
  readonly #slots = new Map<T, Slot<T>>();

  /** When the first item is due; `Infinity` when there is none. */
  get soonestMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Puts an item in its place; one that is never due (`Infinity`) is taken out. */
  set(item: T, atMs: number): void {
    this.delete(item);
    if (atMs === Number.POSITIVE_INFINITY) return;
    const slot = { item, atMs, index: this.#heap.length };
    this.#slots.set(item, slot);
    this.#heap.push(slot);
    this.#rise(slot);
  }

  delete(item: T): void {
    const slot = this.#slots.get(item);
    if (!slot) return;
    this.#slots.delete(item);
    const last = this.#heap.pop();
    if (!last || last === slot) return;
    this.#put(last, slot.index);
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes the first item out, if it is due. */
  takeDue(nowMs: number): T | undefined {
    const [first] = this.#heap;
    if (!first || first.atMs > nowMs) return undefined;
    this.delete(first.item);
    return first.item;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#slots.clear();
  }

  #rise(slot: Slot<T>): void {
    while (slot.index > 0) {
      const parent = this.#heap[(slot.index - 1) >> 1];
      if (!parent || parent.atMs <= slot.atMs) return;
      this.#swap(slot, parent);
    }
  }

  #sink(slot: Slot<T>): void {
    for (;;) {
      const left = this.#heap[2 * slot.index + 1];
      const right = this.#heap[2 * slot.index + 2];
      const child = left && right && right.atMs < left.atMs ? right : left;
      if (!child || child.atMs >= slot.atMs) return;
      this.#swap(slot, child);
    }
  }

  #swap(one: Slot<T>, other: Slot<T>): void {
    const { index } = one;
    this.#put(one, other.index);
    this.#put(other, index);
  }

  #put(slot: Slot<T>, index: number): void {
    slot.index = index;
    this.#heap[index] = slot;
  }
}
