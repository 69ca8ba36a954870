import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { WechatPayMerchants, type MerchantContext } from '../context/index.js';
import { redactText, WechatPayTransportError } from '../errors/index.js';
import { compareTradeBill, type BillDifference, type BillTotals } from './bill-comparison.js';
import { tradeBillRows } from './bill-download.js';
import type { TradeBillDay } from './china-day.js';
import { DailyTurns } from './daily-turns.js';
import {
  billQuery,
  dailySettings,
  type TradeBillOptions,
  type TradeBillQuery,
  type TradeBillSettings,
  type TradeBillSource,
} from './trade-bill-options.js';

/** A comparison that goes on: differences as they are found, and at its end how much was compared. */
type Comparison = AsyncGenerator<BillDifference, BillTotals, undefined>;

/**
 * Compares the platform's trade bill (交易账单) of a day with what the shop has in its books: money that
 * the shop does not know of, money that never came, amounts that differ.
 *
 * @publicApi
 */
@Injectable()
export class TradeBillReconciler implements OnModuleDestroy {
  private readonly logger = new Logger(TradeBillReconciler.name);
  private readonly closing = new AbortController();
  private readonly daily = new Set<DailyTurns>();

  constructor(@Inject(WechatPayMerchants) private readonly merchants: WechatPayMerchants) {}

  /**
   * Compares the bill of one day now. The bill is downloaded, checked against its hash and read to its
   * end before the first difference is given. It is not for several at a time: each holds its bill in
   * memory, some 250 bytes a row, at most 5,000,000 rows.
   *
   * @returns the differences, and at the end (`return` of the generator) how much was compared
   * @throws {WechatPayConfigurationError} at once, for a wrong query; later `MERCHANT_UNKNOWN`
   * @throws {WechatPayBillError} `BILL_NOT_READY`: try again after 10:00 Beijing time; `BILL_INVALID`,
   * `BILL_TOO_LARGE`, `BILL_NOT_SAVED`
   * @throws {WechatPayApiError} and what else calls to the platform throw; `CLOSED` when the application
   * shuts down
   * @throws {TypeError} when the source delivers what is no trade; and what the source throws
   */
  differences(source: TradeBillSource, query: TradeBillQuery): Comparison {
    return this.compare(source, billQuery(source, query));
  }

  /**
   * Compares yesterday's bill once a day, and tells `source.onDifference`. When the bill is not there yet,
   * or anything fails, it is tried again after half an hour, eight times. Of the processes that share a
   * `store` one does it. It ends with the application.
   *
   * @returns what ends it; a comparison that runs comes to its end
   * @throws {WechatPayConfigurationError} for wrong options
   */
  start(source: TradeBillSource, options: TradeBillOptions = {}): () => void {
    const settings = dailySettings(source, options);
    const { merchant, subMchid = '', at, jitterMs } = settings;
    const turns = new DailyTurns({
      at,
      delayMs: Math.round(Math.random() * jitterMs),
      tryLease: async (key, ttlMs) => {
        const context = await this.merchants.get(merchant).catch(() => undefined);
        return context?.tryLease(`bill:${context.mchid}:${subMchid}:${key}`, ttlMs);
      },
      run: (date) => this.run(source, settings, date),
      failed: (date, error, isLast) => this.logFailure(settings, date, error, isLast),
    });
    this.daily.add(turns);
    if (!this.closing.signal.aborted) turns.start();
    return () => {
      turns.end();
      this.daily.delete(turns);
    };
  }

  onModuleDestroy(): void {
    this.closing.abort(new WechatPayTransportError('CLOSED', 'The application is shutting down'));
    for (const turns of this.daily) turns.end();
    this.daily.clear();
  }

  private async *compare(
    source: TradeBillSource,
    { merchant, subMchid, day }: ReturnType<typeof billQuery>,
  ): Comparison {
    const { signal } = this.closing;
    signal.throwIfAborted();
    const { http }: MerchantContext = await this.merchants.get(merchant);
    const rows = tradeBillRows(http, { date: day.date, subMchid }, { signal });
    return yield* compareTradeBill(rows, until(signal, source.trades(day)), { subMchid });
  }

  /** One comparison of the daily ones. */
  private async run(
    source: TradeBillSource,
    { merchant, subMchid }: TradeBillSettings,
    date: string,
  ): Promise<void> {
    const query = billQuery(source, { merchant, subMchid, date });
    const counts = new Map<BillDifference['type'], number>();
    const compared = await drain(this.compare(source, query), async (difference) => {
      this.closing.signal.throwIfAborted();
      counts.set(difference.type, (counts.get(difference.type) ?? 0) + 1);
      await source.onDifference?.(difference, query.day);
    });
    this.logSummary(merchant, query.day, compared, counts);
  }

  private logSummary(
    merchant: string,
    { date }: TradeBillDay,
    { inBill, inShop }: BillTotals,
    counts: ReadonlyMap<string, number>,
  ): void {
    const compared = `[${merchant}] The trade bill of ${date} (${inBill} rows) and the shop's books (${inShop} entries)`;
    if (counts.size === 0) return this.logger.log(`${compared} agree`);
    const found = [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
    this.logger.warn(`${compared} differ: ${found}`);
  }

  private logFailure(
    { merchant }: TradeBillSettings,
    date: string,
    error: unknown,
    isLast: boolean,
  ): void {
    if (this.closing.signal.aborted) return;
    const reason = error instanceof Error ? redactText(error.message) : 'unknown error';
    const failed = `[${merchant}] The trade bill of ${date} could not be compared`;
    if (!isLast) return this.logger.warn(`${failed}, and is tried again in 30 minutes: ${reason}`);
    this.logger.error(
      `${failed}, and is not tried again: ${reason}. Compare it by hand with differences(source, { date: '${date}' })`,
    );
  }
}

/** Takes all differences in; the comparison is ended when one of them cannot be taken. */
async function drain(
  comparison: Comparison,
  take: (difference: BillDifference) => Promise<void>,
): Promise<BillTotals> {
  const all: { totals: BillTotals } = { totals: { inBill: 0, inShop: 0 } };
  const whole = async function* (): AsyncGenerator<BillDifference, void> {
    all.totals = yield* comparison;
  };
  for await (const difference of whole()) await take(difference);
  return all.totals;
}

/** Passes on what there is until the application shuts down. */
async function* until<T>(
  signal: AbortSignal,
  items: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<T, void> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}
