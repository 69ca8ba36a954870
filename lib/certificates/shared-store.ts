import type { Subscription } from 'rxjs';
import { WechatPayStoreError } from '../errors/index.js';
import type { SignedAnswer } from './certificate-list.js';
import { withinStoreTime, type CertificateStore } from './store.js';

/** A merchant whose list is in the store. */
export interface StoreMember {
  readonly mchid: string;
  /** The store may hold something new, or lack what this process holds. Never rejects. */
  sync(): Promise<void>;
  /** The store can perhaps be written again: writes what it lacks. Never rejects. */
  flush(): Promise<void>;
}

/** How long a broken watch, or a lost store, is left alone: the jitter keeps processes apart. */
const PAUSE_MS = 4_000;
/** A store that can be read and not written is asked ever more rarely whether it can be again. */
const LONGEST_PAUSE_MS = 10 * 60_000;
/** Merchants that read again at the same time after the store was lost. */
const SYNCS_AT_ONCE = 16;

/**
 * One store, as all merchants of a process use it: one watch, a bound of time on every call, and
 * no call at all while it is lost, but for a probe every few seconds. One that can be read and not
 * written, such as a replica, loses its writes only.
 *
 * @internal
 */
export class SharedStore {
  readonly #store: CertificateStore;
  readonly #random: () => number;
  readonly #members = new Map<string, Set<StoreMember>>();
  #watch: Subscription | undefined;
  #rewatch: NodeJS.Timeout | undefined;
  #probe: NodeJS.Timeout | undefined;
  #loss: WechatPayStoreError | undefined;
  #writeRetry: NodeJS.Timeout | undefined;
  #writeLoss: WechatPayStoreError | undefined;
  /** Since the last good write. */
  #writeFailures = 0;

  constructor(store: CertificateStore, random: () => number) {
    this.#store = store;
    this.#random = random;
  }

  /** Begins to tell a merchant of changes; the first one starts the watch, the last one ends it. */
  join(member: StoreMember): () => void {
    const together = this.#members.get(member.mchid) ?? new Set();
    this.#members.set(member.mchid, together.add(member));
    if (!this.#watch) this.#startWatch();
    return () => {
      together.delete(member);
      if (together.size === 0 && this.#members.get(member.mchid) === together) {
        this.#members.delete(member.mchid);
      }
      if (this.#members.size === 0) this.#stop();
    };
  }

  /** @throws {WechatPayStoreError} when the store fails, is late or is lost */
  read(mchid: string): Promise<SignedAnswer | undefined> {
    return this.#call(() => this.#store.read(mchid));
  }

  /** @throws as {@link read} */
  writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    return this.#write(() => this.#store.writeIfNewer(mchid, answer));
  }

  /** @throws as {@link read} */
  tryLease(key: string, ttlMs: number): Promise<boolean> {
    return this.#write(() => this.#store.tryLease(key, ttlMs));
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.#loss) throw this.#loss;
    try {
      return await withinStoreTime(call);
    } catch (error) {
      if (isAboutStore(error)) this.#lose(error);
      throw error;
    }
  }

  async #write<T>(call: () => Promise<T>): Promise<T> {
    const loss = this.#loss ?? this.#writeLoss;
    if (loss) throw loss;
    try {
      const result = await withinStoreTime(call);
      this.#writeFailures = 0;
      return result;
    } catch (error) {
      if (isAboutStore(error)) this.#loseWrites(error);
      throw error;
    }
  }

  #lose(error: WechatPayStoreError): void {
    if (this.#loss || this.#members.size === 0) return;
    this.#loss = error;
    this.#planProbe();
  }

  #loseWrites(error: WechatPayStoreError): void {
    if (this.#loss || this.#writeLoss || this.#members.size === 0) return;
    this.#writeLoss = error;
    const pauses = 2 ** Math.min(this.#writeFailures++, 16);
    const pauseMs = Math.min(PAUSE_MS * pauses, LONGEST_PAUSE_MS);
    this.#writeRetry = setTimeout(() => void this.#tryWrites(), this.#jittered(pauseMs));
    this.#writeRetry.unref();
  }

  /** Whether writes fail alone is told by a read: without one nobody would know when all is well again. */
  async #tryWrites(): Promise<void> {
    const [mchid] = this.#members.keys();
    if (mchid === undefined || this.#loss) return;
    try {
      await this.read(mchid);
    } catch {
      if (this.#loss) return; // that probes from now on
    }
    this.#writeLoss = undefined;
    // One after another: the first that fails is enough.
    for (const member of [...this.#members.values()].flatMap((together) => [...together])) {
      if (this.#loss || this.#writeLoss) return;
      await member.flush();
    }
  }

  #planProbe(): void {
    this.#probe = setTimeout(() => void this.#tryAgain(), this.#jittered(PAUSE_MS));
    this.#probe.unref();
  }

  async #tryAgain(): Promise<void> {
    const [mchid] = this.#members.keys();
    if (mchid === undefined) return;
    try {
      await withinStoreTime(() => this.#store.read(mchid));
    } catch (error) {
      if (isAboutStore(error)) return this.#planProbe();
    }
    this.#loss = undefined;
    this.#forgetWriteLoss();
    await this.#syncAll();
  }

  #startWatch(): void {
    clearTimeout(this.#rewatch);
    const broken = (): void => this.#watchAgain();
    try {
      this.#watch = this.#store.changes().subscribe({
        next: (mchid) => {
          for (const member of this.#members.get(mchid) ?? []) void member.sync();
        },
        error: broken,
        complete: broken,
      });
    } catch {
      broken();
    }
  }

  /** A watch may also end without a word: that is a break like any other. */
  #watchAgain(): void {
    this.#rewatch = setTimeout(() => {
      if (this.#members.size === 0) return;
      this.#startWatch();
      void this.#syncAll(); // what happened while nobody watched
    }, this.#jittered(PAUSE_MS));
    this.#rewatch.unref();
  }

  async #syncAll(): Promise<void> {
    const waiting = [...this.#members.values()].flatMap((together) => [...together]);
    const work = async (): Promise<void> => {
      for (let member = waiting.pop(); member; member = waiting.pop()) await member.sync();
    };
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, work));
  }

  #stop(): void {
    clearTimeout(this.#rewatch);
    clearTimeout(this.#probe);
    this.#watch?.unsubscribe();
    this.#watch = undefined;
    this.#loss = undefined;
    this.#forgetWriteLoss();
  }

  #forgetWriteLoss(): void {
    clearTimeout(this.#writeRetry);
    this.#writeLoss = undefined;
  }

  #jittered(pauseMs: number): number {
    return Math.round(pauseMs * (0.75 + 0.5 * this.#random()));
  }
}

/** An entry that cannot be understood says nothing against the store. */
function isAboutStore(error: unknown): error is WechatPayStoreError {
  return error instanceof WechatPayStoreError && error.code === 'STORE_FAILED';
}
