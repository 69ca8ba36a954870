import { WechatPayError, WechatPayStoreError } from '../errors/index.js';
import type { KeyEvents } from '../events/index.js';
import type { SignedAnswer } from './certificate-list.js';
import type { SharedStore } from './shared-store.js';

/**
 * How long a process has the turn to download; whoever finds it taken looks again after it. The shortest
 * that etcd has (Consul makes 10 s of it): ten times what a download takes, and when its holder dies
 * another has renewed within two of them. A slower download may be made twice, which costs traffic only.
 */
export const LEASE_MS = 2_000;
/** How long a call waits for the download of another process before it downloads for itself. */
const OTHERS_WAIT_MS = [100, 200, 400, 800];

/** A store that is lost tells nobody who renews: each process waits up to so long, at random. */
const TURN_SPREAD_MS = 5_000;

/** A lease only saves traffic: that it cannot be had is nobody's concern. */
type StoreUse = 'read' | 'write' | 'lease';

/** What a {@link ListKeeper} needs of the provider that owns the list. */
export interface ListKeeperParts {
  readonly mchid: string;
  readonly store: SharedStore | undefined;
  readonly events: KeyEvents;
  readonly random: () => number;
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
  /** What failed; only the like of it says that the store is back. */
  #lost: StoreUse | undefined;
  #reading: Promise<void> | undefined;
  #isReadDue = false;

  constructor(parts: ListKeeperParts) {
    this.#parts = parts;
    const { store, mchid } = parts;
    const member = { mchid, sync: () => this.#sync(), flush: () => this.#writeHeld() };
    this.#leave = store?.join(member) ?? (() => undefined);
  }

  /**
   * Reads the store and puts what it holds in force; what it has lost is written again. Never rejects.
   */
  read(): Promise<void> {
    if (!this.#parts.store) return Promise.resolve();
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Whether a read is under way. */
  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Whether there is a store at all. */
  get isShared(): boolean {
    return this.#parts.store !== undefined;
  }

  /**
   * Asks to be the one that downloads; where another process is at it already, waits a moment for what
   * it brings. Never rejects.
   *
   * @returns whether that was it; otherwise it is for this process to download
   */
  async othersBring(isThere: () => boolean): Promise<boolean> {
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
    return this.#attempt('lease', () => store.tryLease(`renew:${mchid}`, ttlMs));
  }

  /**
   * Asks for the turn to renew. Where nobody can tell whether another process is at it, waits a random
   * time, so that not all of them download in the same second. Never rejects.
   */
  async takeTurn(): Promise<boolean> {
    const isTaken = await this.tryLease(LEASE_MS);
    if (isTaken === undefined && this.isShared) {
      await this.#pause(TURN_SPREAD_MS * this.#parts.random(), { keepsAlive: false });
    }
    return isTaken !== false;
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
    const held = this.#held;
    const wasPending = this.#isPending;
    const read = await this.#attempt('read', async () => ({ answer: await store.read(mchid) }));
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
        // Nothing to wonder at while ours waits to be written, or came while this was read.
        const isExpected = wasPending || this.#isPending || held !== this.#held;
        this.#isWritten = false; // ours belongs there
        if (!isExpected) throw rolledBack();
      }
    } catch (error) {
      this.#refused(error);
    }
  }

  async #writeHeld(): Promise<void> {
    const { store, mchid } = this.#parts;
    const answer = this.#held;
    if (!store || !answer || this.#isWritten) return;
    const isKept = await this.#attempt('write', () => store.writeIfNewer(mchid, answer));
    if (isKept !== undefined && answer === this.#held) this.#isWritten = true;
  }

  /** A list that the store may lack. */
  get #isPending(): boolean {
    return this.#held !== undefined && !this.#isWritten;
  }

  /** What the store answers, or `undefined` when it does not. */
  async #attempt<T>(use: StoreUse, call: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await call();
      this.#isBack(use);
      return result;
    } catch (error) {
      if (!(error instanceof WechatPayStoreError) || error.code === 'STORE_ENTRY_INVALID') {
        this.#refused(error);
        return undefined;
      }
      if (use === 'lease') return undefined;
      if (!this.#lost) this.#parts.events.publish({ type: 'store-lost', error });
      this.#lost ??= use;
      return undefined;
    }
  }

  /** A store that can be read and not written is not back, as long as there is something to write. */
  #isBack(use: StoreUse): void {
    if (!this.#lost) return;
    if (use !== 'write' && this.#isPending) {
      this.#lost = 'write';
      return;
    }
    if (use === 'read' && this.#lost === 'write') return;
    this.#lost = undefined;
    this.#parts.events.publish({ type: 'store-back' });
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
   * Closing ends it early. While somebody waits for the end of it, it keeps the process alive: with a
   * store that has no connection nothing else may do so while an application starts.
   */
  #pause(ms: number, { keepsAlive = true } = {}): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, signal.aborted ? 0 : ms);
      if (!keepsAlive) timer.unref();
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

function rolledBack(): WechatPayStoreError {
  return new WechatPayStoreError(
    'The store holds an older list than this process: it was rolled back, or a write was lost',
    { code: 'STORE_ENTRY_INVALID' },
  );
}
