import type { MerchantContext } from './merchant-context.js';

/** A place in the order, between the one used before it and the one used after it. */
class Place {
  older: Place = this;
  newer: Place = this;

  constructor(readonly context?: MerchantContext) {}

  leave(): void {
    this.older.newer = this.newer;
    this.newer.older = this.older;
  }

  /** Takes the place before another one. */
  enter(newer: Place): void {
    this.newer = newer;
    this.older = newer.older;
    newer.older.newer = this;
    newer.older = this;
  }
}

/**
 * Merchants that may be unloaded, in the order of their last use. To use one, and to find the next to
 * go, costs a few assignments, however many there are.
 */
export class LoadedMerchants {
  readonly #places = new Map<string, Place>();
  /** Closes the order to a ring: the newest is the older of it, the oldest the newer. */
  readonly #ends = new Place();

  get size(): number {
    return this.#places.size;
  }

  /** Puts one in, as just used. */
  add(context: MerchantContext): void {
    this.delete(context.name);
    const place = new Place(context);
    this.#places.set(context.name, place);
    place.enter(this.#ends);
  }

  delete(name: string): void {
    this.#places.get(name)?.leave();
    this.#places.delete(name);
  }

  /** The one of this name, which is the last used from now on. */
  use(name: string): MerchantContext | undefined {
    const place = this.#places.get(name);
    if (!place) return undefined;
    this.#toNewest(place);
    return place.context;
  }

  /** Takes out the one that was not used for longest; what is busy is in use, and stays. */
  takeIdle(): MerchantContext | undefined {
    for (let left = this.size; left > 0; left -= 1) {
      const place = this.#ends.newer;
      const { context } = place;
      if (!context) return undefined;
      if (!context.isBusy) {
        this.delete(context.name);
        return context;
      }
      this.#toNewest(place);
    }
    return undefined;
  }

  #toNewest(place: Place): void {
    if (place.newer === this.#ends) return;
    place.leave();
    place.enter(this.#ends);
  }
}
