import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { WechatPayConfigurationError } from '../../errors/index.js';

/**
 * How to reach Redis: a URL, options of `ioredis`, or a client or cluster of yours. Of a client only the
 * settings are used: the queue makes its own connections and ends them, and yours stays yours. A
 * `keyPrefix` of it is not used, as BullMQ has its own.
 *
 * @publicApi
 */
export type BullQueueConnection = string | RedisOptions | Redis | Cluster;

/**
 * Settings of a `BullNotificationQueue`.
 *
 * @publicApi
 */
export interface BullNotificationQueueOptions {
  readonly connection: BullQueueConnection;
  /** Name of the BullMQ queue: letters, digits and `. _ -`. @default 'wechatpay-notifications' */
  readonly name?: string | undefined;
  /** First part of every key; in a cluster it needs braces, which keep the keys together. @default '{wechatpay}' */
  readonly prefix?: string | undefined;
  /** How often a job is tried, 1 to 1,000. With the default delays 36 take about a day. @default 36 */
  readonly attempts?: number | undefined;
  /** Delays between the attempts: each is twice the one before, less up to a half at random. */
  readonly backoff?:
    | {
        /** The first one in milliseconds, 10 to 3,600,000. @default 1000 */
        readonly firstMs?: number | undefined;
        /** The longest one in milliseconds, up to a day. @default 3600000 */
        readonly longestMs?: number | undefined;
      }
    | undefined;
  /** Jobs that this process works on at the same time, 0 to 1,000; with 0 it only accepts. @default 10 */
  readonly concurrency?: number | undefined;
  /**
   * Jobs of one merchant that this process works on at the same time; others come again a little later.
   * @default as many as `concurrency`
   */
  readonly concurrencyPerMerchant?: number | undefined;
  /** How many jobs stay to be looked at, 0 to 1,000,000 each; the oldest leave first. */
  readonly keep?:
    | {
        /** Those that are done. @default 100 */
        readonly finished?: number | undefined;
        /** Dead letters: those that failed for good. @default 10000 */
        readonly failed?: number | undefined;
      }
    | undefined;
  /**
   * How long accepting may take, 50 to 4,500 ms; then the platform is told to come back. @default 2000
   */
  readonly enqueueTimeoutMs?: number | undefined;
  /** How long closing waits for jobs that run, 0 to 600,000 ms; others work on them then. @default 10000 */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * What follows when Redis does not keep what it accepts (no append-only file, or it evicts keys):
   * `require` refuses to start and to accept, `warn` says so in the log. @default 'require'
   */
  readonly durability?: 'require' | 'warn' | undefined;
}

/** Settings after every check, with defaults filled in. */
export interface QueueSettings {
  readonly connection: BullQueueConnection;
  readonly name: string;
  readonly prefix: string;
  readonly attempts: number;
  readonly firstMs: number;
  readonly longestMs: number;
  readonly concurrency: number;
  readonly concurrencyPerMerchant: number;
  readonly keepFinished: number;
  readonly keepFailed: number;
  readonly enqueueTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly isDurabilityRequired: boolean;
}

const DAY_MS = 86_400_000;
const NAMES: ReadonlySet<string> = new Set([
  ...['connection', 'name', 'prefix', 'attempts', 'backoff', 'concurrency'],
  ...['concurrencyPerMerchant', 'keep', 'enqueueTimeoutMs', 'closeTimeoutMs', 'durability'],
]);

/** Reads settings one by one, and gathers what is wrong with them. */
class Checks {
  readonly problems: string[] = [];

  whole(name: string, value: unknown, fallback: number, least: number, most: number): number {
    if (value === undefined) return fallback;
    const number = Number.isInteger(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    this.problems.push(`${name} must be a whole number from ${least} to ${most}`);
    return fallback;
  }

  text(name: string, value: unknown, fallback: string, shape: RegExp): string {
    if (value === undefined) return fallback;
    if (typeof value === 'string' && shape.test(value)) return value;
    this.problems.push(`${name} must be a text such as ${fallback}`);
    return fallback;
  }

  group(name: string, value: unknown, names: readonly string[]): Record<string, unknown> {
    if (value === undefined) return {};
    if (typeof value !== 'object' || value === null) {
      this.problems.push(`${name} must be an object`);
      return {};
    }
    this.names(value, new Set(names), `${name}.`);
    return value as Record<string, unknown>;
  }

  names(value: object, known: ReadonlySet<string>, place = ''): void {
    for (const name of Object.keys(value)) {
      if (!known.has(name)) this.problems.push(`${place}${name} is not an option`);
    }
  }
}

/**
 * Checks the settings and fills in defaults.
 *
 * @throws {WechatPayConfigurationError} with every problem; no password is in it
 */
export function queueSettings(options: BullNotificationQueueOptions): QueueSettings {
  const checks = new Checks();
  const { problems } = checks;
  const given: Partial<BullNotificationQueueOptions> = options ?? {};
  const { connection, durability = 'require' } = given;
  checks.names(given, NAMES);
  if (!isConnection(connection)) {
    problems.push('connection must be a URL, options or a client of ioredis');
  }
  if (durability !== 'require' && durability !== 'warn') {
    problems.push("durability must be 'require' or 'warn'");
  }
  const backoff = checks.group('backoff', given.backoff, ['firstMs', 'longestMs']);
  const keep = checks.group('keep', given.keep, ['finished', 'failed']);
  const { name, prefix, attempts, enqueueTimeoutMs, closeTimeoutMs } = given;
  const { concurrency: all, concurrencyPerMerchant: each } = given;
  const concurrency = checks.whole('concurrency', all, 10, 0, 1_000);
  const firstMs = checks.whole('backoff.firstMs', backoff['firstMs'], 1_000, 10, 3_600_000);
  const longest = backoff['longestMs'];
  const settings = {
    name: checks.text('name', name, 'wechatpay-notifications', /^[\w.-]{1,64}$/),
    prefix: checks.text('prefix', prefix, '{wechatpay}', /^[\w.:/{}-]{1,64}$/),
    attempts: checks.whole('attempts', attempts, 36, 1, 1_000),
    firstMs,
    longestMs: checks.whole('backoff.longestMs', longest, 3_600_000, firstMs, DAY_MS),
    concurrency,
    concurrencyPerMerchant: checks.whole(
      'concurrencyPerMerchant',
      each,
      Math.max(1, concurrency),
      1,
      1_000,
    ),
    keepFinished: checks.whole('keep.finished', keep['finished'], 100, 0, 1_000_000),
    keepFailed: checks.whole('keep.failed', keep['failed'], 10_000, 0, 1_000_000),
    enqueueTimeoutMs: checks.whole('enqueueTimeoutMs', enqueueTimeoutMs, 2_000, 50, 4_500),
    closeTimeoutMs: checks.whole('closeTimeoutMs', closeTimeoutMs, 10_000, 0, 600_000),
    isDurabilityRequired: durability === 'require',
  };
  if (problems.length > 0 || !isConnection(connection)) {
    throw new WechatPayConfigurationError(
      problems.map((problem) => `BullNotificationQueue: ${problem}`),
    );
  }
  return { connection, ...settings };
}

function isConnection(value: unknown): value is BullQueueConnection {
  if (typeof value === 'string') return /^rediss?:\/\//.test(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
