import { createHash, randomBytes } from 'node:crypto';
import type { Observable } from 'rxjs';
import {
  assertMchid,
  BoundedCalls,
  decodeAnswer,
  encodeAnswer,
  isMchid,
  keyPrefix,
  leaseMs,
  pollEvery,
  signedAtSeconds,
  storedSeconds,
  watchByPolling,
  type CertificateStore,
  type SignedAnswer,
} from '../../certificates/index.js';
import { WechatPayStoreError } from '../../errors/index.js';
import {
  blockingMs,
  CALL_MS,
  property,
  readKeys,
  type ConsulClient,
  type ConsulItem,
  type ConsulOperation,
} from './client.js';

/** Settings of a {@link ConsulCertificateStore}. */
export interface ConsulCertificateStoreOptions {
  /**
   * First part of every key: 1 to 64 letters, digits and `. _ - : /`. Default `wechatpay`. Applications
   * that share it share their lists and leases.
   */
  readonly prefix?: string | undefined;
  /** How long a blocking query waits, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

/** Tries of a compare-and-set; each one that fails means that somebody else's succeeded. */
const MAX_TRIES = 32;
/** Consul refuses sessions that are shorter. */
const SHORTEST_LEASE_MS = 10_000;

/**
 * Keeps certificate lists in Consul's key/value store, for a fleet of processes. Writing is a
 * transaction with compare-and-set on the entry's index, which also touches a small key of the same
 * merchant; blocking queries on those tell what changed. Each change carries all of the small keys, about
 * 150 bytes a merchant: for thousands of merchants prefer Redis or etcd.
 *
 * A lease lasts 10 s at least, and Consul may let it outlast its time by as much again.
 *
 * @example
 * ```ts
 * const store = new ConsulCertificateStore(new Consul({ host: 'consul' }));
 * ```
 * @publicApi
 */
export class ConsulCertificateStore implements CertificateStore {
  readonly #client: ConsulClient;
  readonly #calls = new BoundedCalls('Consul');
  readonly #base: string;
  readonly #waitMs: number;
  readonly #watch: Observable<string>;
  /** Index up to which changes were seen; a watch that is subscribed to again goes on from it. */
  #seen: number | undefined;
  /** The version of each merchant's entry that was last read or told: what is newer is told. */
  readonly #known = new Map<string, number>();

  /** @param client your client; it stays yours to destroy, after every subscription ended */
  constructor(client: ConsulClient, options: ConsulCertificateStoreOptions = {}) {
    this.#client = client;
    this.#base = `${keyPrefix(options.prefix)}/certificates`;
    this.#waitMs = pollEvery(options.pollMs);
    // The query itself waits; the time between two of them bounds what a busy prefix costs.
    this.#watch = watchByPolling({ poll: (signal) => this.#poll(signal), everyMs: 20 });
  }

  /** @throws {WechatPayStoreError} when Consul fails or the entry cannot be understood */
  async read(mchid: string): Promise<SignedAnswer | undefined> {
    assertMchid(mchid);
    const held = await this.#calls.run(() => this.#get(this.#entryKey(mchid)));
    this.#known.set(mchid, held?.modifyIndex ?? 0);
    return held && decodeAnswer(held.value ?? Buffer.alloc(0));
  }

  /** @throws {WechatPayStoreError} when Consul fails, or others keep writing this entry */
  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    assertMchid(mchid);
    const entry = this.#entryKey(mchid);
    const text = encodeAnswer(answer);
    const seconds = signedAtSeconds(answer);
    const end = performance.now() + CALL_MS;
    return this.#calls.run(async () => {
      for (let tries = 0; tries < MAX_TRIES && performance.now() < end; tries += 1) {
        const held = await this.#get(entry);
        if (storedSeconds(held?.value) >= seconds) return false;
        const isKept = await this.#transact([
          operation('cas', entry, text, held?.modifyIndex ?? 0),
          operation('set', `${this.#base}/changed/${mchid}`, String(seconds)),
        ]);
        if (isKept) return true;
      }
      throw new WechatPayStoreError(
        'Too many others write the same entry in Consul: try again later',
      );
    });
  }

  changes(): Observable<string> {
    return this.#watch;
  }

  /** @throws {WechatPayStoreError} when Consul fails */
  async tryLease(key: string, ttlMs: number): Promise<boolean> {
    const seconds = Math.ceil(leaseMs(key, ttlMs, SHORTEST_LEASE_MS) / 1000);
    // A key stands in a path, where dots and slashes have a meaning of their own.
    const name = `${this.#base}/lease/${createHash('sha256').update(key).digest('hex')}`;
    return this.#calls.run(async () => {
      if ((await this.#get(name))?.isLocked) return false; // saves a session that nobody would use
      const id = await this.#openSession(seconds);
      const value = randomBytes(9).toString('base64url');
      const taken = await this.#client.kv.set({ key: name, value, acquire: id, timeout: CALL_MS });
      if (taken !== true) {
        await this.#client.session.destroy({ id, timeout: CALL_MS }).catch(() => undefined);
      }
      return taken === true;
    });
  }

  async #openSession(seconds: number): Promise<string> {
    const session = await this.#client.session.create({
      name: 'wechatpay-lease',
      ttl: `${seconds}s`,
      lockdelay: '0s',
      behavior: 'delete',
      timeout: CALL_MS,
    });
    const id = property(session, 'ID');
    if (typeof id === 'string') return id;
    throw new WechatPayStoreError('Consul opened no session: see whether its ACL allows sessions');
  }

  async #get(key: string): Promise<ConsulItem | undefined> {
    return (await readKeys(this.#client, key)).items[0];
  }

  /** Whether the transaction was made; `false` when the compare-and-set did not hold. */
  async #transact(operations: ConsulOperation[]): Promise<boolean> {
    try {
      await this.#client.transaction.create(operations, { operations, timeout: CALL_MS });
      return true;
    } catch (error) {
      if (property(property(error, 'response'), 'statusCode') === 409) return false;
      if (property(error, 'statusCode') === 409) return false;
      throw error;
    }
  }

  async #poll(signal: AbortSignal): Promise<string[]> {
    const from = this.#seen;
    const waitMs = this.#waitMs;
    const block = from === undefined || from === 0 ? undefined : { index: from, waitMs, signal };
    const { index, items } = await this.#calls.run(
      () =>
        readKeys(this.#client, `${this.#base}/changed/`, {
          recurse: true,
          ...(block && { block }),
        }),
      block ? blockingMs(waitMs) : CALL_MS,
    );
    // A server that lost its data, or a restored one, counts from a lower index: everything is told.
    const isReset = from !== undefined && index < from;
    if (isReset) this.#known.clear();
    this.#seen = isReset ? 0 : index;
    return isReset ? [] : items.flatMap((item) => this.#changed(item, from ?? index));
  }

  /** The merchant of a small key, unless this version of its entry is known. */
  #changed({ key, modifyIndex }: ConsulItem, from: number): string[] {
    const mchid = key.slice(key.lastIndexOf('/') + 1);
    // Entry and small key were written by one transaction and have the same index.
    if (!isMchid(mchid) || modifyIndex <= (this.#known.get(mchid) ?? from)) return [];
    this.#known.set(mchid, modifyIndex);
    return [mchid];
  }

  #entryKey(mchid: string): string {
    return `${this.#base}/entry/${mchid}`;
  }
}

function operation(
  verb: 'cas' | 'set',
  key: string,
  text: string,
  index?: number,
): ConsulOperation {
  const value = Buffer.from(text).toString('base64');
  return {
    KV: { Verb: verb, Key: key, Value: value, ...(index !== undefined && { Index: index }) },
  };
}
