import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { WechatPayMerchants, type MerchantContext } from '../context/index.js';
import {
  WechatPayApiError,
  WechatPayConfigurationError,
  WechatPayNotificationError,
} from '../errors/index.js';
import { WechatPayNotifications } from '../notification/index.js';
import { AskSchedule } from './ask-schedule.js';
import { paymentEvent, refundEvent, type FoundEvent } from './final-state.js';

/**
 * An order or a refund whose end the shop does not know.
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
  /** Time between rounds in milliseconds, 1,000 to 3,600,000. @default 60000 */
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
  /** Unknown to the platform: never placed, or of another merchant. */
  readonly missing: number;
  /** Failed to ask about, or their handlers failed: asked about again. */
  readonly failed: number;
}

interface Work {
  readonly context: MerchantContext;
  readonly schedule: AskSchedule;
  readonly source: UnsettledSource;
  readonly settings: Required<ReconcileOptions>;
  readonly counts: { asked: number; settled: number; missing: number; failed: number };
  /** The first failure of a round is told. */
  error: unknown;
}

const DEFAULTS = { merchant: 'default', everyMs: 60_000, minAgeMs: 60_000, concurrency: 4 };
const RANGES = {
  everyMs: [1_000, 3_600_000],
  minAgeMs: [0, 86_400_000],
  concurrency: [1, 64],
} as const;
const MAX_REMEMBERED = 100_000;

/**
 * Asks the platform about orders and refunds whose end the shop does not know: notifications are not
 * guaranteed. What has ended goes through the same inbox and the same handlers as its notification
 * would, which may still come. The older something is, the more seldom it is asked about. Of the
 * processes that share a `store`, one does a round.
 *
 * @publicApi
 */
@Injectable()
export class PaymentReconciler implements OnModuleDestroy {
  private readonly logger = new Logger(PaymentReconciler.name);
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly schedules = new WeakMap<UnsettledSource, AskSchedule>();
  private isClosed = false;

  constructor(
    @Inject(WechatPayMerchants) private readonly merchants: WechatPayMerchants,
    @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
  ) {}

  /**
   * Begins rounds for a source, the first one after a random part of the pause. They end with the
   * application.
   *
   * @returns what ends them
   * @throws {WechatPayConfigurationError} for wrong options
   */
  start(source: UnsettledSource, options: ReconcileOptions = {}): () => void {
    const { everyMs } = settingsOf(source, options);
    let timer: NodeJS.Timeout | undefined;
    const plan = (delayMs: number): void => {
      if (timer) this.timers.delete(timer);
      if (this.isClosed || isEnded) return;
      timer = setTimeout(
        () => void this.round(source, options).finally(() => plan(everyMs)),
        delayMs,
      );
      timer.unref();
      this.timers.add(timer);
    };
    let isEnded = false;
    plan(Math.round(Math.random() * everyMs));
    return () => {
      isEnded = true;
      clearTimeout(timer);
    };
  }

  /**
   * Does one round now. Never throws for what an order, the platform or the shop's own source does: it is
   * logged and counted.
   *
   * @throws {WechatPayConfigurationError} for wrong options, or a merchant that is not registered
   */
  async round(source: UnsettledSource, options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const settings = settingsOf(source, options);
    const context = await this.merchants.get(settings.merchant);
    const counts = { asked: 0, settled: 0, missing: 0, failed: 0 };
    const ttlMs = Math.max(1_000, settings.everyMs * 0.9);
    if ((await context.tryLease(`reconcile:${context.mchid}`, ttlMs)) === false) {
      return { isOurs: false, ...counts };
    }
    const schedule = this.schedules.get(source) ?? new AskSchedule(MAX_REMEMBERED, Math.random);
    this.schedules.set(source, schedule);
    const work: Work = { context, schedule, source, settings, counts, error: undefined };
    await this.pass(work);
    if (work.error !== undefined) {
      this.logger.warn(
        `[${context.name}] ${counts.failed} open orders or refunds could not be settled; the first: ${messageOf(work.error)}`,
      );
    }
    return { isOurs: true, ...counts };
  }

  onModuleDestroy(): void {
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  /** Goes once over everything that is open, with some questions at a time. */
  private async pass(work: Work): Promise<void> {
    const { schedule, source, settings } = work;
    const olderThan = new Date(Date.now() - settings.minAgeMs);
    schedule.begin();
    const running = new Set<Promise<void>>();
    try {
      for await (const item of source.unsettled(olderThan)) {
        if (this.isClosed) return;
        if (!schedule.isDue(keyOf(item), Date.now(), item.createdAtMs)) continue;
        if (running.size >= settings.concurrency) await Promise.race(running);
        const asking: Promise<void> = this.ask(work, item).finally(() => running.delete(asking));
        running.add(asking);
      }
      schedule.end();
    } catch (error) {
      work.error ??= error;
    } finally {
      await Promise.all(running);
    }
  }

  /** Never rejects. */
  private async ask(work: Work, item: Unsettled): Promise<void> {
    const { context, counts } = work;
    counts.asked += 1;
    try {
      const found = await query(context, item);
      if (!found) return;
      await this.notifications.settle(context.name, found);
      counts.settled += 1;
    } catch (error) {
      if (error instanceof WechatPayApiError && error.status === 404) counts.missing += 1;
      else if (isHandledNow(error)) return;
      else {
        counts.failed += 1;
        work.error ??= error;
      }
    }
  }
}

function settingsOf(
  source: UnsettledSource,
  options: ReconcileOptions,
): Required<ReconcileOptions> {
  const settings = { ...DEFAULTS, ...options } as Required<ReconcileOptions>;
  const problems = Object.entries(RANGES).flatMap(([name, [least, most]]) => {
    const value = settings[name as keyof typeof RANGES];
    const isRight = typeof value === 'number' && value >= least && value <= most;
    return isRight ? [] : [`${name} must be a number from ${least} to ${most}`];
  });
  if (typeof source?.unsettled !== 'function') {
    problems.push('the source must have unsettled(olderThan)');
  }
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return settings;
}

function keyOf({ subMchid = '', outTradeNo, outRefundNo }: Unsettled): string {
  return `${outRefundNo === undefined ? 'pay' : 'refund'}:${subMchid}:${outRefundNo ?? outTradeNo}`;
}

/** All products of a merchant are asked about in the same way. */
async function query(
  { client, mchid }: MerchantContext,
  item: Unsettled,
): Promise<FoundEvent | undefined> {
  const { subMchid, outTradeNo, outRefundNo } = item;
  const owner = { mchid, subMchid };
  const { payments, refunds } = subMchid === undefined ? client : client.partner(subMchid);
  if (outRefundNo !== undefined) return refundEvent(await refunds.query(outRefundNo), owner);
  return paymentEvent(await payments.native.queryByOutTradeNo(outTradeNo), owner);
}

/** A notification of it has come at this moment. */
function isHandledNow(error: unknown): boolean {
  return error instanceof WechatPayNotificationError && error.code === 'NOTIFICATION_BUSY';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
