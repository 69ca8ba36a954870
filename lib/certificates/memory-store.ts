import { Subject, type Observable } from 'rxjs';
import type { SignedAnswer } from './certificate-list.js';
import { assertMchid, leaseMs } from './store-calls.js';
import { signedAtSeconds, type CertificateStore } from './store.js';
import { decodeAnswer, encodeAnswer, storedSeconds } from './stored-answer.js';

/** Settings of a {@link MemoryCertificateStore}. */
export interface MemoryCertificateStoreOptions {
  /** How many merchants and how many leases it holds; the oldest leave first. Default 10,000. */
  readonly maxEntries?: number | undefined;
}

/**
 * Keeps certificate lists in memory: for tests, and for several modules of one process. Nothing of it
 * outlives the process.
 *
 * @publicApi
 */
export class MemoryCertificateStore implements CertificateStore {
  readonly #entries = new Map<string, string>();
  readonly #leases = new Map<string, number>();
  readonly #changes = new Subject<string>();
  readonly #maxEntries: number;

  constructor(options: MemoryCertificateStoreOptions = {}) {
    this.#maxEntries = Math.max(1, options.maxEntries ?? 10_000);
  }

  async read(mchid: string): Promise<SignedAnswer | undefined> {
    assertMchid(mchid);
    const text = this.#entries.get(mchid);
    return text === undefined ? undefined : decodeAnswer(text);
  }

  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    assertMchid(mchid);
    const text = encodeAnswer(answer);
    if (storedSeconds(this.#entries.get(mchid)) >= signedAtSeconds(answer)) return false;
    keep(this.#entries, mchid, text, this.#maxEntries);
    this.#changes.next(mchid);
    return true;
  }

  changes(): Observable<string> {
    return this.#changes.asObservable();
  }

  async tryLease(key: string, ttlMs: number): Promise<boolean> {
    const ms = leaseMs(key, ttlMs);
    const nowMs = performance.now(); // a clock that is set back must not lengthen a lease
    if ((this.#leases.get(key) ?? 0) > nowMs) return false;
    keep(this.#leases, key, nowMs + ms, this.#maxEntries);
    return true;
  }
}

/** Puts an entry last and drops the oldest above the bound. */
function keep<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
}
