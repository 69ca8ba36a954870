import { WechatPayConfigurationError } from '../errors/index.js';

/**
 * An order or a refund whose end the shop does not know. Not the sub-orders of a combined payment
 * (合单支付): its notification is of the combined order, so each of them would be credited once more.
 *
 * @publicApi
 */
export type Unsettled = {
  /** The `sub_mchid` of a sub-merchant's. */
  readonly subMchid?: string | undefined;
  /** When it was placed, in milliseconds since 1970. @default when it was first seen here */
  readonly createdAtMs?: number | undefined;
} & (
  | { readonly outTradeNo: string; readonly outRefundNo?: undefined }
  | { readonly outRefundNo: string; readonly outTradeNo?: undefined }
);

/**
 * What a shop implements over its own tables.
 *
 * @publicApi
 */
export interface UnsettledSource {
  /**
   * Everything that is open and was placed before this time: orders that are neither paid nor closed,
   * refunds without a result. Read it in pages; it is asked once a round.
   */
  unsettled(olderThan: Date): AsyncIterable<Unsettled> | Iterable<Unsettled>;
}

/**
 * How a shop's open orders are asked about.
 *
 * @publicApi
 */
export interface ReconcileOptions {
  /** Name of the registration. @default 'default' */
  readonly merchant?: string | undefined;
  /**
   * What tells this work from other work for the same merchant: rounds of one name are done by one
   * process at a time, and keep each other out. Give a second source, or a `round()` of your own beside
   * `start()`, another name. 1 to 64 letters, digits and `. _ -`. @default 'default'
   */
  readonly name?: string | undefined;
  /**
   * Time between rounds in milliseconds, 1,000 to 3,600,000; the same in every process.
   * @default 60000
   */
  readonly everyMs?: number | undefined;
  /** Younger ones are left to notifications, in milliseconds, 0 to 86,400,000. @default 60000 */
  readonly minAgeMs?: number | undefined;
  /** Questions at the same time, 1 to 64. @default 4 */
  readonly concurrency?: number | undefined;
}

/**
 * What came of a round.
 *
 * @publicApi
 */
export interface ReconcileReport {
  /** Whether this process did it; `false` when another one had the lease. */
  readonly isOurs: boolean;
  readonly asked: number;
  /** Found final, and handled by every handler. */
  readonly settled: number;
  /** Found final, and no handler takes such an event: it stays open in the shop. */
  readonly unhandled: number;
  /** Unknown to the platform: never placed, or of another merchant. */
  readonly missing: number;
  /** Failed to ask about, or their handlers failed: asked about again soon. */
  readonly failed: number;
}

const DEFAULTS = {
  merchant: 'default',
  name: 'default',
  everyMs: 60_000,
  minAgeMs: 60_000,
  concurrency: 4,
};
const RANGES = {
  everyMs: [1_000, 3_600_000],
  minAgeMs: [0, 86_400_000],
  concurrency: [1, 64],
} as const;
const NAME = /^[\w.-]{1,64}$/;

/**
 * Checks the options and fills in defaults.
 *
 * @throws {WechatPayConfigurationError} with every problem
 */
export function reconcileSettings(
  source: UnsettledSource,
  options: ReconcileOptions,
): Required<ReconcileOptions> {
  const settings = { ...DEFAULTS, ...options } as Required<ReconcileOptions>;
  const problems = Object.entries(RANGES).flatMap(([name, [least, most]]) => {
    const value = settings[name as keyof typeof RANGES];
    const isRight = typeof value === 'number' && value >= least && value <= most;
    return isRight ? [] : [`${name} must be a number from ${least} to ${most}`];
  });
  if (typeof settings.name !== 'string' || !NAME.test(settings.name)) {
    problems.push('name must be 1 to 64 letters, digits and . _ -');
  }
  if (typeof source?.unsettled !== 'function') {
    problems.push('the source must have unsettled(olderThan)');
  }
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return settings;
}
