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
  MAX_STORED_BYTES,
  pollEvery,
  signedAtSeconds,
  watchByPolling,
  type CertificateStore,
  type SignedAnswer,
} from '../../certificates/index.js';
import { WechatPayStoreError } from '../../errors/index.js';
import { listenOn, type RedisClient } from './client.js';
import { CHANGED_SINCE, runScript, WRITE_IF_NEWER } from './scripts.js';

/** Settings of a {@link RedisCertificateStore}. */
export interface RedisCertificateStoreOptions {
  /**
   * First part of every key: 1 to 64 letters, digits and `. _ - : /`. Default `wechatpay`. Applications
   * that share it share their lists and leases.
   */
  readonly prefix?: string | undefined;
  /**
   * How long an entry stays, in milliseconds. Default: for good, as a process that starts while the
   * platform cannot be reached needs it, however old. The keys in it end by themselves.
   */
  readonly expiryMs?: number | undefined;
  /** How often changes are asked for beside the messages, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

/** The signed time before the entry, with its line feed. */
const LONGEST_HEAD = 16;
const MAX_AHEAD_SECONDS = 300;
const PAGE = 1_000;

/**
 * Keeps certificate lists in Redis, for a fleet of processes. Writing is one Lua script that compares
 * the signed times and announces the change; watching is a subscription with a poll behind it. All keys
 * share a hash tag, so a cluster keeps them together.
 *
 * A lease may be as short as a millisecond.
 *
 * @example
 * ```ts
 * const store = new RedisCertificateStore(new Redis(process.env.REDIS_URL));
 * WechatPayModule.forRoot({ …, store });
 * ```
 * @publicApi
 */
export class RedisCertificateStore implements CertificateStore {
  readonly #client: RedisClient;
  readonly #calls = new BoundedCalls('Redis');
  readonly #base: string;
  readonly #expiryMs: number;
  readonly #watch: Observable<string>;
  /** Number of the last change seen; a watch that is subscribed to again goes on from it. */
  #seen: string | undefined;
  #beginning: Promise<string> | undefined;

  /** @param client your connected client; it stays yours to end, after every subscription ended */
  constructor(client: RedisClient, options: RedisCertificateStoreOptions = {}) {
    this.#client = client;
    this.#base = `{${keyPrefix(options.prefix)}}:certificates`;
    this.#expiryMs = Math.max(0, Math.round(options.expiryMs ?? 0));
    this.#watch = watchByPolling({
      poll: () => this.#poll(),
      listen: (nudge) => listenOn(client, `${this.#base}:changed`, nudge),
      everyMs: pollEvery(options.pollMs),
    });
  }

  /** @throws {WechatPayStoreError} when Redis fails or the entry cannot be understood */
  async read(mchid: string): Promise<SignedAnswer | undefined> {
    assertMchid(mchid);
    await this.#begin();
    const end = MAX_STORED_BYTES + LONGEST_HEAD; // one byte more than fits: nothing longer is fetched
    const held = await this.#calls.run(() =>
      this.#client.getrangeBuffer(this.#entryKey(mchid), 0, end),
    );
    if (!Buffer.isBuffer(held)) throw new WechatPayStoreError('Redis answered without bytes');
    if (held.length === 0) return undefined;
    const headEnd = held.subarray(0, LONGEST_HEAD).indexOf('\n');
    return decodeAnswer(held.subarray(headEnd + 1));
  }

  /** @throws {WechatPayStoreError} when Redis fails */
  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    assertMchid(mchid);
    const nowMs = Date.now();
    const seconds = String(signedAtSeconds(answer, nowMs));
    const kept = await this.#calls.run(() =>
      runScript(
        this.#client,
        WRITE_IF_NEWER,
        [this.#entryKey(mchid), ...this.#changeKeys()],
        [
          seconds,
          String(Math.floor(nowMs / 1000) + MAX_AHEAD_SECONDS),
          `${seconds}\n${encodeAnswer(answer)}`,
          mchid,
          `${this.#base}:changed`,
          String(this.#expiryMs),
        ],
      ),
    );
    return Number(kept) === 1;
  }

  changes(): Observable<string> {
    return this.#watch;
  }

  /** @throws {WechatPayStoreError} when Redis fails */
  async tryLease(key: string, ttlMs: number): Promise<boolean> {
    const ms = leaseMs(key, ttlMs);
    const owner = randomBytes(9).toString('base64url');
    const taken = await this.#calls.run(() =>
      this.#client.set(`${this.#base}:lease:${key}`, owner, 'PX', ms, 'NX'),
    );
    return taken === 'OK';
  }

  async #poll(): Promise<string[]> {
    const changed: string[] = [];
    let from = this.#seen;
    if (from === undefined) {
      await this.#begin();
      return changed;
    }
    for (;;) {
      const page = await this.#ask(from);
      for (let at = 0; at + 1 < page.length; at += 2) {
        const mchid = page[at];
        if (isMchid(mchid)) changed.push(mchid);
        from = sequenceOf(page[at + 1]); // in rising order
      }
      this.#seen = from;
      if (page.length < 2 * PAGE) return changed;
    }
  }

  /** Where watching begins: before the first read is answered, so that all that comes after it is told. */
  async #begin(): Promise<void> {
    if (this.#seen !== undefined) return;
    this.#beginning ??= this.#ask('')
      .then(([last]) => sequenceOf(last))
      .finally(() => (this.#beginning = undefined));
    this.#seen = await this.#beginning;
  }

  async #ask(from: string): Promise<string[]> {
    const answer = await this.#calls.run(() =>
      runScript(this.#client, CHANGED_SINCE, this.#changeKeys(), [from]),
    );
    return Array.isArray(answer) ? answer.map(String) : [];
  }

  #entryKey(mchid: string): string {
    return `${this.#base}:${mchid}`;
  }

  #changeKeys(): [string, string] {
    return [`${this.#base}:sequence`, `${this.#base}:changes`];
  }
}

function sequenceOf(text: unknown): string {
  if (typeof text === 'string' && /^[0-9]{1,15}$/.test(text)) return text;
  throw new WechatPayStoreError(
    'Redis holds a number of changes that is none: delete the keys of this prefix',
  );
}
