/**
 * How often each key of the platform was named in requests and verified what came in, since the
 * process started. Shows when a migration to the WeChat Pay public key (灰度切换) is complete.
 *
 * @publicApi
 */
export interface KeyUsage {
  /** Requests by the key that they named; `none` are those that named no key. */
  readonly sent: Readonly<Record<string, number>>;
  /** Verified answers and notifications by the key that signed them. */
  readonly received: Readonly<Record<string, number>>;
}

/** Counts by id. Only keys that were in force are counted, so it stays small. */
export class KeyUsageCounter {
  readonly #sent = new Map<string, number>();
  readonly #received = new Map<string, number>();

  countSent(id: string | undefined): void {
    add(this.#sent, id ?? 'none');
  }

  countReceived(id: string): void {
    add(this.#received, id);
  }

  get usage(): KeyUsage {
    return { sent: Object.fromEntries(this.#sent), received: Object.fromEntries(this.#received) };
  }
}

function add(counts: Map<string, number>, id: string): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
