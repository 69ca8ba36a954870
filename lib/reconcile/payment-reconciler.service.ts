import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { WechatPayMerchants, type MerchantContext } from '../context/index.js';
import { withTrace } from '../diagnostics/index.js';
import {
  WechatPayApiError,
  WechatPayConfigurationError,
  WechatPayNotificationError,
} from '../errors/index.js';
import { WechatPayNotifications } from '../notification/index.js';
import { AskSchedule } from './ask-schedule.js';
import { paymentEvent, refundEvent, type FoundEvent } from './final-state.js';
import {
  reconcileSettings,
  type ReconcileOptions,
  type ReconcileReport,
  type Unsettled,
  type UnsettledSource,
} from './reconcile-options.js';
import { RoundLease } from './round-lease.js';

type Counts = { -readonly [Name in keyof Omit<ReconcileReport, 'isOurs'>]: number };

interface Work {
  readonly context: MerchantContext;
  readonly lease: RoundLease;
  readonly schedule: AskSchedule;
  readonly source: UnsettledSource;
  readonly settings: Required<ReconcileOptions>;
  readonly counts: Counts;
  /** The first failure of a round is told. */
  error: unknown;
}

const MAX_REMEMBERED = 100_000;
/** Of the pause between rounds: shorter, so that every process finds a new slice at its next round. */
const SLICE = 0.9;

/**
 * Asks the platform about orders and refunds whose end the shop does not know: notifications are not
 * guaranteed. What has ended goes through the same inbox and the same handlers as its notification
 * would, which may still come. The older something is, the more seldom it is asked about. Of the
 * processes that share a `store`, one does a round, however long it takes.
 *
 * @publicApi
 */
@Injectable()
export class PaymentReconciler implements OnModuleDestroy {
  private readonly logger = new Logger(PaymentReconciler.name);
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly schedules = new WeakMap<UnsettledSource, AskSchedule>();
  /** Event types that nobody handles, and that were told. */
  private readonly told = new Set<string>();
  private isClosed = false;

  constructor(
    @Inject(WechatPayMerchants) private readonly merchants: WechatPayMerchants,
    @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
  ) {}

  /**
   * Begins rounds for a source, the first one after a random part of the pause. They end with the
   * application. A round that cannot be done is logged, and the next one comes at its time.
   *
   * @returns what ends them
   * @throws {WechatPayConfigurationError} for wrong options
   */
  start(source: UnsettledSource, options: ReconcileOptions = {}): () => void {
    const { everyMs, merchant } = reconcileSettings(source, options);
    let isEnded = false;
    let timer: NodeJS.Timeout | undefined;
    const forget = (): void => {
      clearTimeout(timer);
      if (timer) this.timers.delete(timer);
    };
    const plan = (delayMs: number): void => {
      forget();
      if (this.isClosed || isEnded) return;
      timer = setTimeout(() => void turn(), delayMs);
      timer.unref();
      this.timers.add(timer);
    };
    const turn = async (): Promise<void> => {
      try {
        await this.round(source, options);
      } catch (error) {
        const level = error instanceof WechatPayConfigurationError ? 'error' : 'warn';
        this.logger[level](
          `[${merchant}] No open orders were asked about: ${messageOf(error)}; the next round is in ${everyMs} ms`,
        );
      }
      plan(everyMs);
    };
    plan(Math.round(Math.random() * everyMs));
    return () => {
      isEnded = true;
      forget();
    };
  }

  /**
   * Does one round now. Never throws for what an order, the platform or the shop's own source does: it is
   * logged and counted.
   *
   * @throws {WechatPayConfigurationError} for wrong options, or a merchant that is not registered
   * @throws whatever `resolve` of the merchants throws
   */
  async round(source: UnsettledSource, options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const settings = reconcileSettings(source, options);
    const context = await this.merchants.get(settings.merchant);
    const counts: Counts = { asked: 0, settled: 0, unhandled: 0, missing: 0, failed: 0 };
    const lease = await RoundLease.take({
      tryLease: context.tryLease,
      name: `reconcile:${context.mchid}:${settings.name}`,
      sliceMs: Math.round(settings.everyMs * SLICE),
    });
    if (!lease) return { isOurs: false, ...counts };
    const schedule = this.schedules.get(source) ?? new AskSchedule(MAX_REMEMBERED, Math.random);
    this.schedules.set(source, schedule);
    const work: Work = { context, lease, schedule, source, settings, counts, error: undefined };
    await this.pass(work);
    lease.end();
    if (work.error !== undefined) {
      const line = `[${context.name}] ${counts.failed} open orders or refunds could not be settled; the first: ${messageOf(work.error)}`;
      this.logger.warn(withTrace(line));
    }
    return { isOurs: true, ...counts };
  }

  onModuleDestroy(): void {
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  /** Goes once over everything that is open, with some questions at a time. Never rejects. */
  private async pass(work: Work): Promise<void> {
    const { lease, schedule, source, settings } = work;
    const running = new Set<Promise<void>>();
    schedule.begin();
    try {
      const olderThan = new Date(Date.now() - settings.minAgeMs);
      for await (const item of source.unsettled(olderThan)) {
        lease.moved();
        if (running.size >= settings.concurrency) await Promise.race(running);
        if (this.isClosed || lease.isLost) return;
        if (!schedule.isDue(keyOf(item), Date.now(), item.createdAtMs)) continue;
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
    const { lease, schedule, counts } = work;
    counts.asked += 1;
    let isAnswered = true;
    try {
      const outcome = await this.outcomeOf(work.context, item);
      if (outcome) counts[outcome] += 1;
    } catch (error) {
      isAnswered = error instanceof WechatPayApiError && error.status === 404;
      if (isAnswered) counts.missing += 1;
      else if (!isHandledNow(error)) {
        counts.failed += 1;
        work.error ??= error;
      }
    }
    lease.moved();
    schedule.answered(keyOf(item), Date.now(), isAnswered);
  }

  /** What came of one question: nothing while the order is open. */
  private async outcomeOf(
    context: MerchantContext,
    item: Unsettled,
  ): Promise<'settled' | 'unhandled' | undefined> {
    const found = await query(context, item);
    if (!found) return undefined;
    if (await this.notifications.settle(context, found)) return 'settled';
    this.tellUnhandled(context.name, found.eventType);
    return 'unhandled';
  }

  /** Once: it is found again and again. Of what has ended without money an order needs no handler. */
  private tellUnhandled(merchant: string, eventType: string): void {
    if (!eventType.endsWith('.SUCCESS') || this.told.has(eventType)) return;
    this.told.add(eventType);
    const line = `[${merchant}] An order or refund was found to have succeeded, and no handler takes it: add @OnWechatPayNotification('${eventType}')`;
    this.logger.warn(withTrace(line));
  }
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
