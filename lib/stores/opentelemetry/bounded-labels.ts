/** Merchants with a series of their own; what more there are share one. */
const MAX_LABELS = 200;
const OTHER = 'other';

/** Keeps the number of time series within a bound, however many merchants, hosts or paths there are. */
export class BoundedLabels {
  readonly #known = new Set<string>();

  /** @param maximum how many have a label of their own: the first that come */
  constructor(private readonly maximum: number = MAX_LABELS) {}

  /** The name itself, or `other`. */
  of(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.maximum) return OTHER;
    this.#known.add(name);
    return name;
  }
}
