/** Between two cells: cells have no quotes and may hold commas, so a comma alone ends none. */
const SEPARATOR = Buffer.from(',`');

/** Reads one cell of a line, which must still be in memory. */
export type CellReader<Name extends string> = (name: Name) => string;

/** Names of the columns of a section: no backticks here, though some bills have them. */
export function columnNames(header: Buffer): readonly string[] {
  return header
    .toString('utf8')
    .split(',')
    .map((name) => name.replace(/^`/, '').trim());
}

/**
 * Finds the cells of a section's lines by the names of their columns.
 *
 * A text that a payer or a shop wrote may hold the very two characters that stand between cells. Such a
 * line has too many cells: those before the free texts are then counted from its beginning, those after
 * them from its end, so that no text can pass for an amount.
 */
export class BillTable<Name extends string> {
  readonly #width: number;
  /** From the beginning of a line, or, negative, from its end. */
  readonly #places = new Map<Name, number>();
  readonly #mayOverflow: boolean;

  /** Needed columns that are not there. */
  readonly missing: readonly Name[];

  /**
   * @param names all columns, in their order
   * @param needed those that are read
   * @param freeTexts those that may hold anything
   */
  constructor(
    names: readonly string[],
    needed: readonly Name[],
    freeTexts: readonly string[] = [],
  ) {
    this.#width = names.length;
    const free = freeTexts.map((name) => names.indexOf(name)).filter((at) => at >= 0);
    const [first, last] = [Math.min(...free), Math.max(...free)];
    const found = needed.map((name) => [name, names.indexOf(name)] as const);
    for (const [name, at] of found) this.#places.set(name, at > last ? at - this.#width : at);
    this.missing = found.filter(([, at]) => at < 0).map(([name]) => name);
    this.#mayOverflow = free.length > 0 && found.every(([, at]) => at < first || at > last);
  }

  /** `undefined` when it is no line of this section. */
  cells(line: Buffer): CellReader<Name> | undefined {
    if (line[0] !== SEPARATOR[1]) return undefined;
    const starts = [1];
    for (let at = line.indexOf(SEPARATOR); at >= 0; at = line.indexOf(SEPARATOR, at + 2)) {
      starts.push(at + 2);
    }
    if (starts.length < this.#width) return undefined;
    if (starts.length > this.#width && !this.#mayOverflow) return undefined;
    return (name) => {
      const place = this.#places.get(name) ?? 0;
      const at = place < 0 ? starts.length + place : place;
      // a text of its own: one cut out of the line would keep the whole line in memory
      return line.toString('utf8', starts[at], (starts[at + 1] ?? line.length + 2) - 2);
    };
  }
}
