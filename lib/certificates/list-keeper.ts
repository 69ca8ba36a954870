import { WechatPayError, WechatPayStoreError } from '../errors/index.js';
import type { KeyEvents } from '../events/index.js';
import type { SignedAnswer } from './certificate-list.js';
import type { SharedStore } from './shared-store.js';

/** As long as a download can take: whoever finds the lease taken looks again after it. */
export const LEASE_MS = 10_000;
/** How long a call waits for the download of another process before it downloads for itself. */
const OTHERS_WAIT_MS = [100, 200, 400, 800];

/** What a {@link ListKeeper} needs of the provider that owns the list. */
export interface ListKeeperParts {
  readonly mchid: string;
  readonly store: SharedStore | undefined;
  readonly events: KeyEvents;
  /**
   * Checks a stored list and puts it in force unless an older one.
   *
   * @returns whether it is older than the list in force
   * @throws {WechatPayError} when it does not prove itself
   */
  readonly adopt: (answer: SignedAnswer) => Promise<boolean>;
  /** Whether a list is in force at all; a merchant that nobody uses reads nothing. */
  readonly isLoaded: () => boolean;
}

/**
 * Keeps the certificate list of one merchant in step with a store: reads what others wrote, writes
 * what this process downloaded, and writes it again when the store lost it. A store that fails is an
 * event, never an interruption.
 *
 * @internal
 */
export class ListKeeper {
  readonly #parts: ListKeeperParts;
  readonly #leave: () => void;
  readonly #closing = new AbortController();
  /** The list in force, as it came; not yet known to be in the store when `isWritten` is false. */
  #held: SignedAnswer | undefined;
  #isWritten = true;
  #isLost = false;
  #reading: Promise<void> | undefined;
  #isReadDue = false;

  constructor(parts: ListKeeperParts) {
    this.#parts = parts;
    const { store, mchid } = parts;
    this.#leave = store?.join({ mchid, sync: () => this.#sync() }) ?? (() => undefined);
  }

  /**
   * Reads the store and puts what it holds in force; what it has lost is written again. Never rejects.
   */
  read(): Promise<void> {
    if (!this.#parts.store) return Promise.resolve();
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /**
   * Looks for what is missing in the store, and waits a moment for whoever downloads it already.
   * Never rejects.
   *
   * @returns whether it is there; otherwise it is for this process to download
   */
  async obtain(isThere: () => boolean): Promise<boolean> {
    if (!this.#parts.store) return false;
    await this.read();
    if (isThere()) return true;
    if ((await this.tryLease(LEASE_MS)) !== false) return false;
    for (const pauseMs of OTHERS_WAIT_MS) {
      await this.#pause(pauseMs);
      await this.read();
      if (isThere()) return true;
    }
    return false;
  }

  /** Keeps a list that came from the platform. Never rejects. */
  async write(answer: SignedAnswer): Promise<void> {
    if (!this.#parts.store) return;
    this.#held = answer;
    this.#isWritten = false;
    await this.#writeHeld();
  }

  /** Asks to be the one that downloads: yes, no, or nobody knows. Never rejects. */
  tryLease(ttlMs: number): Promise<boolean | undefined> {
    const { store, mchid } = this.#parts;
    if (!store) return Promise.resolve(undefined);
    return this.#attempt(() => store.tryLease(`renew:${mchid}`, ttlMs));
  }

  /** Leaves the store's watch, and ends a wait. */
  close(): void {
    this.#closing.abort();
    this.#leave();
  }

  async #sync(): Promise<void> {
    if (!this.#parts.isLoaded()) return;
    if (this.#reading) this.#isReadDue = true; // it may have read too early
    await this.read();
  }

  async #readAll(): Promise<void> {
    do {
      this.#isReadDue = false;
      await this.#readOnce();
    } while (this.#isReadDue);
    await this.#writeHeld();
  }

  async #readOnce(): Promise<void> {
    const { store, mchid, adopt } = this.#parts;
    if (!store) return;
    const read = await this.#attempt(async () => ({ answer: await store.read(mchid) }));
    if (!read) return;
    const { answer } = read;
    if (!answer) {
      this.#isWritten = false; // somebody emptied it
      return;
    }
    try {
      const isOlder = await adopt(answer);
      if (!isOlder) this.#held = answer;
      else {
        this.#isWritten = false; // ours belongs there
        throw new WechatPayStoreError(
          'The store holds an older list than this process: it was rolled back, or a write was lost',
          { code: 'STORE_ENTRY_INVALID' },
        );
      }
    } catch (error) {
      this.#refused(error);
    }
  }

  async #writeHeld(): Promise<void> {
    const { store, mchid } = this.#parts;
    const answer = this.#held;
    if (!store || !answer || this.#isWritten) return;
    const isKept = await this.#attempt(() => store.writeIfNewer(mchid, answer));
    if (isKept !== undefined && answer === this.#held) this.#isWritten = true;
  }

  /** What the store answers, or `undefined` when it does not. */
  async #attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    const { events } = this.#parts;
    try {
      const result = await call();
      if (this.#isLost) events.publish({ type: 'store-back' });
      this.#isLost = false;
      return result;
    } catch (error) {
      if (!(error instanceof WechatPayStoreError) || error.code === 'STORE_ENTRY_INVALID') {
        this.#refused(error);
        return undefined;
      }
      if (!this.#isLost) events.publish({ type: 'store-lost', error });
      this.#isLost = true;
      return undefined;
    }
  }

  #refused(cause: unknown): void {
    const error =
      cause instanceof WechatPayError
        ? cause
        : new WechatPayStoreError('The entry of the store is unusable: see the cause', {
            code: 'STORE_ENTRY_INVALID',
            cause,
          });
    this.#parts.events.publish({ type: 'refused', what: 'store-entry', error });
  }

  /**
   * Somebody waits for the end of it, so it keeps the process alive: with a store that has no
   * connection nothing else may do so while an application starts. Closing ends it early.
   */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, signal.aborted ? 0 : ms);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
