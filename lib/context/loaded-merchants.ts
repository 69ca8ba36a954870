import { DueQueue } from './due-queue.js';
import type { MerchantContext } from './merchant-context.js';

/** One that is loaded; times are counted in uses. */
interface Place {
  readonly context: MerchantContext;
  usedAt: number;
}

/**
 * Merchants that may be unloaded, in the order of their last use. To use one costs one assignment,
 * however many there are; the order is made when the next to go is asked for.
 */
export class LoadedMerchants {
  readonly #places = new Map<string, Place>();
  /** By the last use that is known here; a later one is found when it is a place's turn. */
  readonly #order = new DueQueue<Place>();
  #now = 0;

  get size(): number {
    return this.#places.size;
  }

  /** Puts one in, as just used. */
  add(context: MerchantContext): void {
    this.delete(context.name);
    const place = { context, usedAt: this.#tick() };
    this.#places.set(context.name, place);
    this.#order.set(place, place.usedAt);
  }

  delete(name: string): void {
    const place = this.#places.get(name);
    if (!place) return;
    this.#places.delete(name);
    this.#order.delete(place);
  }

  /** The one of this name, which is the last used from now on. */
  use(name: string): MerchantContext | undefined {
    const place = this.#places.get(name);
    if (!place) return undefined;
    place.usedAt = this.#tick();
    return place.context;
  }

  /** Takes out the one that was not used for longest; what is busy is in use, and stays. */
  takeIdle(): MerchantContext | undefined {
    for (let left = this.size; left > 0; left -= 1) {
      const place = this.#oldest();
      if (!place) return undefined;
      if (!place.context.isBusy) {
        this.delete(place.context.name);
        return place.context;
      }
      place.usedAt = this.#tick();
    }
    return undefined;
  }

  /** The first in the order, once whatever was used since then is in its place. */
  #oldest(): Place | undefined {
    for (;;) {
      const knownAt = this.#order.soonestMs;
      const place = this.#order.takeDue(knownAt);
      if (!place) return undefined;
      this.#order.set(place, place.usedAt);
      if (place.usedAt === knownAt) return place;
    }
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}
