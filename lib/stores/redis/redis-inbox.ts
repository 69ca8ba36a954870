import { randomBytes } from 'node:crypto';
import { BoundedCalls, keyPrefix } from '../../certificates/index.js';
import { WechatPayStoreError } from '../../errors/index.js';
import {
  assertInboxKey,
  DONE_MS,
  LONGEST_RUN_MS,
  type InboxClaim,
  type NotificationInbox,
} from '../../notification/inbox.js';
import type { RedisClient } from './client.js';
import { CLAIM, RELEASE, REMEMBER, RENEW, runScript, type Script } from './scripts.js';

/** Settings of a {@link RedisNotificationInbox}. */
export interface RedisNotificationInboxOptions {
  /**
   * First part of every key: 1 to 64 letters, digits and `. _ - : /`. Default `wechatpay`. Applications
   * that share it share their inbox.
   */
  readonly prefix?: string | undefined;
}

/** Times of an inbox, in milliseconds; tests shorten them. */
export interface InboxTimes {
  /** A crash frees an event after so long. */
  readonly leaseMs: number;
  readonly beatMs: number;
  readonly longestRunMs: number;
  readonly doneMs: number;
}

const TIMES: InboxTimes = {
  leaseMs: 30_000,
  beatMs: 10_000,
  longestRunMs: LONGEST_RUN_MS,
  doneMs: DONE_MS,
};
/** Claims under way at once, and as many ends; deliveries come in bursts. */
const MAX_CALLS = 1_024;
/** Handlers that run at once, in one process. */
const MAX_HELD = 10_000;
/** Leases that are renewed at the same time. */
const BEATS_AT_ONCE = 64;

interface Lease {
  readonly key: string;
  readonly token: string;
  readonly endsAtMs: number;
}

/**
 * An inbox in Redis, for a fleet of processes. Each event and handler has a lease of 30 seconds, which is
 * kept alive while the handler runs, for ten minutes at most, and ends by itself when the process
 * dies. What is done is remembered for 48 hours. While Redis is down or does not answer, claims fail
 * within two seconds, and the platform comes back.
 *
 * It needs a Redis that evicts nothing (`maxmemory-policy noeviction`): what it forgets runs again.
 *
 * @example
 * ```ts
 * const inbox = new RedisNotificationInbox(new Redis(process.env.REDIS_URL));
 * WechatPayModule.forRoot({ …, inbox });
 * ```
 * @publicApi
 */
export class RedisNotificationInbox implements NotificationInbox {
  readonly #client: RedisClient;
  readonly #base: string;
  readonly #times: InboxTimes;
  readonly #claims = new BoundedCalls('Redis', MAX_CALLS);
  /** Apart, so that claims which wait leave room for what has run. */
  readonly #ends = new BoundedCalls('Redis', MAX_CALLS);
  readonly #beats = new BoundedCalls('Redis', BEATS_AT_ONCE);
  readonly #held = new Set<Lease>();
  #timer: NodeJS.Timeout | undefined;
  #isBeating = false;

  /** @param client your connected client; it stays yours to end, after the application has closed */
  constructor(
    client: RedisClient,
    options: RedisNotificationInboxOptions = {},
    times: Partial<InboxTimes> = {},
  ) {
    this.#client = client;
    this.#base = `${keyPrefix(options.prefix)}:inbox:`;
    this.#times = { ...TIMES, ...times };
  }

  /**
   * @throws {WechatPayStoreError} when Redis fails or takes longer than two seconds, or too many
   * handlers run
   * @throws {RangeError} for a key that is none
   */
  async claim(key: string): Promise<InboxClaim> {
    assertInboxKey(key);
    if (this.#held.size >= MAX_HELD) {
      throw new WechatPayStoreError(`${MAX_HELD} handlers run at once: look why they do not end`, {
        isRetryable: true,
      });
    }
    const { leaseMs, longestRunMs } = this.#times;
    const token = randomBytes(12).toString('base64url');
    const lease: Lease = { key, token, endsAtMs: performance.now() + longestRunMs };
    let isAwaited = true;
    const answer = await this.#claims
      .run(async () => {
        const state = await this.#run(CLAIM, key, token, String(leaseMs));
        if (!isAwaited && state === 'claimed') this.#release(lease).catch(() => undefined);
        return state;
      })
      .finally(() => (isAwaited = false));
    if (answer === 'done' || answer === 'running') return { state: answer };
    if (answer !== 'claimed') throw new WechatPayStoreError('Redis answered to no claim');
    this.#hold(lease);
    return {
      state: 'claimed',
      done: () => this.#remember(lease),
      release: () => this.#release(lease),
    };
  }

  async #remember(lease: Lease): Promise<void> {
    this.#drop(lease);
    const { doneMs } = this.#times;
    await this.#ends.run(() => this.#run(REMEMBER, lease.key, String(doneMs)));
  }

  async #release(lease: Lease): Promise<void> {
    this.#drop(lease);
    await this.#ends.run(() => this.#run(RELEASE, lease.key, lease.token));
  }

  #hold(lease: Lease): void {
    this.#held.add(lease);
    this.#timer ??= setInterval(() => void this.#beat(), this.#times.beatMs).unref();
  }

  #drop(lease: Lease): void {
    this.#held.delete(lease);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Renews every lease once, those first that were taken first: they end first. A server that does not
   * answer is given up on until the next time.
   */
  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const endsAtMs = performance.now() + this.#times.beatMs;
    const leases = [...this.#held].values(); // shared: each takes the next one
    const renewNext = async (): Promise<void> => {
      for (const lease of leases) {
        if (performance.now() > endsAtMs) return;
        await this.#renew(lease);
      }
    };
    await Promise.all(Array.from({ length: BEATS_AT_ONCE }, renewNext));
    this.#isBeating = false;
  }

  async #renew(lease: Lease): Promise<void> {
    const { key, token, endsAtMs } = lease;
    if (!this.#held.has(lease)) return;
    if (performance.now() > endsAtMs) {
      this.#drop(lease);
      return;
    }
    const { leaseMs } = this.#times;
    const kept = await this.#beats
      .run(async () => {
        const answer = await this.#run(RENEW, key, token, String(leaseMs));
        // ended meanwhile: what overtook us has found nothing to give back
        if (!this.#held.has(lease)) this.#release(lease).catch(() => undefined);
        return answer;
      })
      .catch(() => undefined); // the next beat tries again
    if (kept === 0) this.#drop(lease);
  }

  #run(script: Script, key: string, ...args: string[]): Promise<unknown> {
    return runScript(this.#client, script, [this.#base + key], args);
  }
}
