import { randomBytes } from 'node:crypto';
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
import { listenTo, type EtcdClient, type EtcdKeyValue, type EtcdRange } from './client.js';

/** Settings of an {@link EtcdCertificateStore}. */
export interface EtcdCertificateStoreOptions {
  /**
   * First part of every key: 1 to 64 letters, digits and `. _ - : /`. Default `wechatpay`. Applications
   * that share it share their lists and leases.
   */
  readonly prefix?: string | undefined;
  /** How often changes are asked for beside the watch, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

const CALL_MS = 2_000;
/** Tries of a compare-and-set; each one that fails means that somebody else's succeeded. */
const MAX_TRIES = 32;
const PAGE = 1_000;
/** What etcd makes of anything shorter, with its default election time of a second. */
const SHORTEST_LEASE_MS = 2_000;

/**
 * Keeps certificate lists in etcd (API v3), for a fleet of processes. Writing is a transaction on the
 * entry's revision; it also touches a small key of the same merchant, and one watch over those tells
 * every process what changed, without carrying the lists themselves.
 *
 * A lease lasts 2 s at least, with etcd's default settings.
 *
 * @example
 * ```ts
 * const store = new EtcdCertificateStore(new Etcd3({ hosts: process.env.ETCD_HOSTS }));
 * ```
 * @publicApi
 */
export class EtcdCertificateStore implements CertificateStore {
  readonly #client: EtcdClient;
  readonly #calls = new BoundedCalls('etcd');
  readonly #base: string;
  readonly #watch: Observable<string>;
  /** Revision up to which changes were seen; a watch that is subscribed to again goes on from it. */
  #seen: bigint | undefined;
  /** Lowest revision that a read was answered at since the last poll. */
  #readAt: bigint | undefined;

  /** @param client your connected client; it stays yours to close, after every subscription ended */
  constructor(client: EtcdClient, options: EtcdCertificateStoreOptions = {}) {
    this.#client = client;
    this.#base = `${keyPrefix(options.prefix)}/certificates`;
    this.#watch = watchByPolling({
      poll: () => this.#poll(),
      listen: (nudge, fail) =>
        listenTo(
          client
            .watch()
            .prefix(`${this.#base}/changed/`)
            .startRevision(String((this.#seen ?? 0n) + 1n)),
          nudge,
          (cause) => fail(new WechatPayStoreError('The watch of etcd broke', { cause })),
        ),
      everyMs: pollEvery(options.pollMs),
    });
  }

  /** @throws {WechatPayStoreError} when etcd fails or the entry cannot be understood */
  async read(mchid: string): Promise<SignedAnswer | undefined> {
    assertMchid(mchid);
    const held = await this.#calls.run(() => this.#get(this.#entryKey(mchid), callEnd()));
    return held && decodeAnswer(held.value);
  }

  /** @throws {WechatPayStoreError} when etcd fails, or others keep writing this entry */
  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    assertMchid(mchid);
    const entry = this.#entryKey(mchid);
    const text = encodeAnswer(answer);
    const seconds = signedAtSeconds(answer);
    return this.#calls.run(async () => {
      const deadline = callEnd();
      for (let tries = 0; tries < MAX_TRIES && Date.now() < deadline; tries += 1) {
        const held = await this.#get(entry, deadline);
        if (storedSeconds(held?.value) >= seconds) return false;
        const { succeeded } = await this.#client
          .if(entry, 'Mod', '==', held?.mod_revision ?? '0')
          .then(
            this.#client.put(entry).value(text),
            this.#client.put(`${this.#base}/changed/${mchid}`).value(String(seconds)),
          )
          .options({ deadline })
          .commit();
        if (succeeded) return true;
      }
      throw new WechatPayStoreError(
        'Too many others write the same entry in etcd: try again later',
      );
    });
  }

  changes(): Observable<string> {
    return this.#watch;
  }

  /** @throws {WechatPayStoreError} when etcd fails */
  async tryLease(key: string, ttlMs: number): Promise<boolean> {
    const seconds = Math.ceil(leaseMs(key, ttlMs, SHORTEST_LEASE_MS) / 1000);
    const name = `${this.#base}/lease/${key}`;
    return this.#calls.run(async () => {
      const deadline = callEnd();
      if (await this.#get(name, deadline)) return false; // saves a lease that nobody would use
      const lease = this.#client.lease(seconds, { autoKeepAlive: false, deadline });
      const id = await lease.grant();
      const owner = randomBytes(9).toString('base64url');
      const { succeeded } = await this.#client
        .if(name, 'Create', '==', '0')
        .then(this.#client.put(name).value(owner).lease(id))
        .options({ deadline })
        .commit();
      if (!succeeded) await lease.revoke({ deadline }).catch(() => undefined);
      return succeeded;
    });
  }

  async #get(key: string, deadline: number): Promise<EtcdKeyValue | undefined> {
    const range = await this.#client.get(key).options({ deadline }).exec();
    const revision = revisionOf(range);
    if (this.#readAt === undefined || revision < this.#readAt) this.#readAt = revision;
    return range.kvs[0];
  }

  async #poll(): Promise<string[]> {
    const prefix = `${this.#base}/changed/`;
    const changed: string[] = [];
    for (;;) {
      const from = this.#seen;
      const range = await this.#calls.run(() =>
        this.#client
          .getAll()
          .prefix(prefix)
          .minModRevision(String((from ?? 0n) + 1n))
          .sort('Mod', 'Ascend')
          .limit(from === undefined ? 1 : PAGE)
          .options({ deadline: callEnd() })
          .exec(),
      );
      const revision = revisionOf(range);
      if (from === undefined) {
        this.#seen = this.#withReads(revision);
        return changed;
      }
      // A restored backup begins again at a lower revision.
      if (revision < from) {
        this.#seen = 0n;
        continue;
      }
      changed.push(...range.kvs.map(({ key }) => mchidOf(key)).filter(isMchid));
      const isLastPage = range.kvs.length < PAGE;
      this.#seen = this.#withReads(isLastPage ? revision : endOf(range.kvs, from));
      if (isLastPage) return changed;
    }
  }

  /**
   * A read may have been answered before a change that the poll counts as seen, whichever was asked
   * first: then the change is told once more.
   */
  #withReads(revision: bigint): bigint {
    const readAt = this.#readAt;
    this.#readAt = undefined;
    return readAt !== undefined && readAt < revision ? readAt : revision;
  }

  #entryKey(mchid: string): string {
    return `${this.#base}/entry/${mchid}`;
  }
}

function callEnd(): number {
  return Date.now() + CALL_MS;
}

/**
 * Up to where a full page tells everything: changes of one transaction have the same revision, and the
 * page may have ended among them. (A transaction has far fewer changes than a page.)
 */
function endOf(page: readonly EtcdKeyValue[], from: bigint): bigint {
  const last = BigInt(page.at(-1)?.mod_revision ?? from + 1n);
  return last - 1n > from ? last - 1n : last;
}

function revisionOf(range: EtcdRange): bigint {
  return BigInt(range.header.revision);
}

function mchidOf(key: Uint8Array): string {
  const text = Buffer.from(key).toString('latin1');
  return text.slice(text.lastIndexOf('/') + 1);
}
