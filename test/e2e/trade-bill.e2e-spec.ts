import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getWechatPayClientToken,
  MemoryCertificateStore,
  TradeBillReconciler,
  WechatPayModule,
  type BillDifference,
  type ShopTrade,
  type TradeBillDay,
  type TradeBillSource,
  type WechatPayClient,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { rejection } from '../support/merchant-context.js';
import { openBills } from '../support/private-files.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { listOf } from '../support/trade-bills.js';

const SUB = '1900000109';
const DAY_MS = 86_400_000;
const china = (date: string, time: string) => Date.parse(`${date}T${time}:00+08:00`);
const dateAt = (ms: number) => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 10);

/** A shop that keeps books. */
class Books implements TradeBillSource {
  readonly entries: ShopTrade[] = [];
  readonly asked: TradeBillDay[] = [];
  readonly differences: [BillDifference['type'], string][] = [];

  async *trades(day: TradeBillDay): AsyncGenerator<ShopTrade> {
    this.asked.push(day);
    yield* this.entries;
  }

  async onDifference(difference: BillDifference, { date }: TradeBillDay): Promise<void> {
    this.differences.push([difference.type, date]);
  }
}

describe('the comparison with the trade bill', () => {
  let emulator: WechatPayEmulator;
  const apps: TestingModule[] = [];
  let client: WechatPayClient;
  let reconciler: TradeBillReconciler;
  let books: Books;
  /** A day on which orders are paid: another one for every test, all to come. */
  let date = dateAt(Date.now());
  let count = 0;
  const logger = new RecordingLogger();

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({
      mode: 'public-key',
      now: () => Date.now(),
      refundDelayMs: Infinity,
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    jest.useRealTimers();
    await Promise.all(apps.splice(0).map((app) => app.close()));
    expect(openBills()).toEqual([]);
    emulator.changeBills();
    emulator.clearFaults();
    logger.clear();
  });
  afterAll(() => emulator.close());

  /** Both sides believe this time; timeouts go on unless they are asked for. */
  function at(day: string, time: string, withTimeouts = false): void {
    jest.useFakeTimers({
      now: china(day, time),
      doNotFake: [
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        ...(withTimeouts
          ? []
          : (['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const)),
      ],
    });
  }
  const tomorrow = () => dateAt(china(date, '00:00') + DAY_MS);

  async function start(options: Partial<WechatPayOptions> = {}): Promise<TradeBillReconciler> {
    const app = await Test.createTestingModule({
      imports: [
        WechatPayModule.forRoot({
          ...emulator.options({ notifyUrl: 'http://127.0.0.1:9/notify' }),
          ...options,
        }),
      ],
    })
      .setLogger(logger)
      .compile();
    await app.init();
    apps.push(app);
    client = app.get(getWechatPayClientToken());
    reconciler = app.get(TradeBillReconciler);
    return reconciler;
  }
  /** A new day, at noon, and a shop whose books are empty. */
  async function morning(options?: Partial<WechatPayOptions>): Promise<void> {
    date = dateAt(china(date, '00:00') + 2 * DAY_MS);
    books = new Books();
    at(date, '12:00');
    await start(options);
  }
  async function pay(total = 100, payments = client.payments): Promise<string> {
    const out_trade_no = `bill-${String((count += 1)).padStart(4, '0')}`;
    await payments.native.prepay({ out_trade_no, description: '茶, "一"', amount: { total } });
    emulator.pay(out_trade_no);
    return out_trade_no;
  }
  async function refund(out_trade_no: string, fen: number): Promise<string> {
    const out_refund_no = `${out_trade_no}-r`;
    const amount = { refund: fen, total: 100, currency: 'CNY' };
    await client.refunds.create({ out_trade_no, out_refund_no, amount });
    return out_refund_no;
  }
  const compare = (query = {}) => listOf(reconciler.differences(books, { date, ...query }));

  it('finds nothing where both agree, whatever the day began and ended with', async () => {
    await morning();
    at(date, '00:00');
    const first = await pay();
    at(date, '23:59');
    const last = await pay(5);
    const refunded = await refund(first, 30);
    at(tomorrow(), '00:00');
    await pay();
    emulator.finishRefund(refunded);
    at(tomorrow(), '11:00');
    books.entries.push(
      { outTradeNo: last, amountFen: 5 },
      { outRefundNo: refunded, amountFen: 30 },
      { outTradeNo: first, amountFen: 100 },
    );
    const comparison = reconciler.differences(books, { date });
    await expect(comparison.next()).resolves.toEqual({
      done: true,
      value: { inBill: 3, inShop: 3 },
    });
    expect(books.asked).toEqual([
      { date, from: new Date(china(date, '00:00')), to: new Date(china(tomorrow(), '00:00')) },
    ]);
  });

  it('finds what either lacks, has twice, or has with another amount', async () => {
    await morning();
    const [unknown, other, twice] = [await pay(), await pay(), await pay()];
    const refunded = await refund(unknown, 30);
    at(tomorrow(), '11:00');
    books.entries.push(
      { outTradeNo: other, amountFen: 99 },
      { outTradeNo: twice, amountFen: 100 },
      { outTradeNo: twice, amountFen: 100 },
      { outTradeNo: 'never-paid', amountFen: 7 },
      { outRefundNo: 'never-sent', amountFen: 8 },
    );
    const transactionId = expect.stringMatching(/^4200/);
    await expect(compare()).resolves.toMatchObject([
      { type: 'amount', outTradeNo: other, billAmountFen: 100, shopAmountFen: 99 },
      { type: 'duplicate-in-shop', outTradeNo: twice },
      { type: 'missing-in-bill', kind: 'payment', outTradeNo: 'never-paid', shopAmountFen: 7 },
      { type: 'missing-in-bill', kind: 'refund', outRefundNo: 'never-sent', shopAmountFen: 8 },
      {
        type: 'missing-in-shop',
        kind: 'payment',
        outTradeNo: unknown,
        transactionId,
      },
      {
        type: 'missing-in-shop',
        kind: 'refund',
        outTradeNo: unknown,
        outRefundNo: refunded,
        refundId: expect.stringMatching(/^5030/),
        billAmountFen: 30,
      },
    ]);
  });

  it('sees what the platform’s bill says, not what it should say', async () => {
    await morning();
    const [dropped, raised] = [await pay(7), await pay(8)];
    at(tomorrow(), '11:00');
    books.entries.push({ outTradeNo: dropped, amountFen: 7 }, { outTradeNo: raised, amountFen: 8 });
    emulator.changeBills({
      text: (text) =>
        text
          .split('\r\n')
          .filter((line) => !line.includes(dropped))
          .join('\r\n')
          .replaceAll('`0.08', '`0.09')
          .replace('`2.0,', '`1.0,'),
    });
    await expect(compare()).resolves.toMatchObject([
      { type: 'missing-in-bill', outTradeNo: dropped },
      { type: 'amount', outTradeNo: raised, billAmountFen: 9, shopAmountFen: 8 },
    ]);
  });

  it('compares what a service provider did for its sub-merchants, or for one of them', async () => {
    await morning();
    const own = await pay();
    const sub = await pay(100, client.partner(SUB).payments as never);
    at(tomorrow(), '11:00');
    books.entries.push(
      { outTradeNo: own, amountFen: 100 },
      { outTradeNo: sub, amountFen: 100, subMchid: SUB },
    );
    await expect(compare()).resolves.toEqual([]);
    books.entries.splice(0, 2, { outTradeNo: sub, amountFen: 100 });
    await expect(compare({ subMchid: SUB })).resolves.toEqual([]);
  });

  it('believes no bill that is not the announced one, and no bill that is cut off', async () => {
    await morning();
    await pay();
    at(tomorrow(), '11:00');
    emulator.changeBills({ file: (file) => Buffer.concat([file, file]) });
    await expect(rejection(compare())).resolves.toMatchObject({
      name: 'WechatPayBillError',
      code: 'BILL_INVALID',
      message: expect.stringContaining('SHA1'),
    });
    emulator.changeBills({ text: (text) => text.replace('`1.0,', '`2.0,') });
    await expect(rejection(compare())).resolves.toMatchObject({ code: 'BILL_INVALID' });
    expect(books.asked).toHaveLength(0);
  });

  it('knows a bill that is not made yet from a day without anything', async () => {
    await morning();
    const paid = await pay();
    books.entries.push({ outTradeNo: paid, amountFen: 100 });
    at(tomorrow(), '09:59');
    await expect(rejection(compare())).resolves.toMatchObject({
      code: 'BILL_NOT_READY',
      isRetryable: true,
    });
    at(tomorrow(), '11:00');
    const before = dateAt(china(date, '00:00') - 40 * DAY_MS);
    await expect(compare({ date: before })).resolves.toMatchObject([
      { type: 'missing-in-bill', outTradeNo: paid },
    ]);
    await expect(rejection(compare({ date: tomorrow() }))).resolves.toMatchObject({
      platformCode: 'PARAM_ERROR',
    });
  });

  it('ends with the application', async () => {
    await morning();
    await pay();
    at(tomorrow(), '11:00');
    emulator.addFault({ match: '/v3/billdownload', kind: 'delay', delayMs: 60_000 });
    const waiting = rejection(compare());
    await new Promise((resolve) => setTimeout(resolve, 50));
    const during = { ...books, trades: () => books.entries };
    books.entries.push(
      { outTradeNo: 'never-paid-1', amountFen: 1 },
      { outTradeNo: 'never-paid-2', amountFen: 1 },
    );
    const reading = reconciler.differences(during, { date });
    await reading.next();
    reconciler.onModuleDestroy();
    await expect(waiting).resolves.toMatchObject({ code: 'CLOSED' });
    await expect(reading.next()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(rejection(compare())).resolves.toMatchObject({ code: 'CLOSED' });
    reconciler.start(books);
  });

  it.each([
    [{ date: '2026-02-30' }, 'date must be a day, yyyy-MM-dd'],
    [{ date: 5 }, 'date must be a day'],
    [{ date: '2026-01-01', subMchid: 'x&y' }, 'subMchid'],
  ])('refuses the query %j at once', async (query, message) => {
    await morning();
    expect(() => reconciler.differences(books, query as never)).toThrow(message);
    expect(() => reconciler.differences({} as never, { date })).toThrow(/trades\(day\)/);
    const unknown = reconciler.differences(books, { date, merchant: 'nobody' });
    await expect(unknown.next()).rejects.toMatchObject({ code: 'MERCHANT_UNKNOWN' });
  });

  describe('every day', () => {
    /** Moves the clock and waits for what then goes over the network. */
    async function pass(ms: number, isDone: () => boolean): Promise<void> {
      await jest.advanceTimersByTimeAsync(ms);
      const endMs = performance.now() + 10_000; // of this machine, not of the test
      while (!isDone() && performance.now() < endMs) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(isDone()).toBe(true);
    }
    const said = (text: string) => () => logger.textOf().includes(text);
    const night = () => {
      at(tomorrow(), '00:00', true);
      jest.spyOn(Math, 'random').mockReturnValue(0.5);
    };
    const HOUR = 3_600_000;
    const MINUTE = 60_000;

    it('is done at half past ten, and tells the shop of differences and the log of their number', async () => {
      await morning();
      const paid = await pay();
      night();
      const end = reconciler.start(books);
      await pass(10 * HOUR + 35 * MINUTE - 1, () => books.asked.length === 0);
      await pass(1, said('differ'));
      expect(books.differences).toEqual([['missing-in-shop', date]]);
      expect(logger.textOf('warn')).toContain(
        `[default] The trade bill of ${date} (1 rows) and the shop's books (0 entries) differ: 1 missing-in-shop`,
      );
      expect(logger.textOf()).not.toContain(paid);
      logger.clear();
      await pass(24 * HOUR, said('(0 rows) and the shop'));
      expect(logger.textOf('log')).toContain('agree');
      end();
      await pass(24 * HOUR, () => books.asked.length === 2);
    });

    it('is tried again when there is no bill, or the shop fails, and ends with the application', async () => {
      await morning();
      await pay();
      night();
      emulator.addFault({
        match: '/v3/bill/tradebill',
        kind: 'respond',
        status: 400,
        signed: false,
        body: '{"code":"STATEMENT_CREATING","message":"账单生成中"}',
      });
      const told = jest.spyOn(books, 'onDifference');
      told.mockRejectedValueOnce(new Error(`no database for oUpF8uMuAJO_M2pxb1Q9zNjWeS6o`));
      reconciler.start(books, { jitterMs: 0 });
      await pass(10.5 * HOUR, said('has not made the trade bill'));
      expect(logger.textOf('warn')).toContain('is tried again in 30 minutes');
      await pass(30 * MINUTE, said('no database for [openid]'));
      expect(books.differences).toEqual([]);
      await pass(30 * MINUTE, said('differ'));
      expect(books.differences).toEqual([['missing-in-shop', date]]);
      expect(logger.textOf('error')).toBe('');
      await pass(4 * HOUR, () => books.asked.length === 2);
      await apps[0]?.close();
      expect(jest.getTimerCount()).toBe(0);
      await pass(48 * HOUR, () => books.asked.length === 2);
    });

    it('tells of nothing once the application shuts down', async () => {
      await morning();
      await pay();
      await pay();
      night();
      const told = jest.spyOn(books, 'onDifference').mockImplementation(async () => {
        reconciler.onModuleDestroy();
      });
      reconciler.start(books, { jitterMs: 0 });
      await pass(10.5 * HOUR, () => told.mock.calls.length > 0);
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
      expect(told).toHaveBeenCalledTimes(1);
      expect(logger.textOf()).not.toContain('trade bill');
    });

    it('says so when it fails at last', async () => {
      await morning();
      await pay();
      night();
      const source: TradeBillSource = {
        trades: () => {
          throw 'no error at all';
        },
      };
      reconciler.start(source, { at: '12:00', jitterMs: 0 });
      await pass(12 * HOUR, said('unknown error'));
      for (let count = 1; count <= 8; count += 1) {
        logger.clear();
        await pass(30 * MINUTE, said('unknown error'));
      }
      expect(logger.textOf('error')).toContain(
        `is not tried again: unknown error. Compare it by hand with differences(source, { date: '${date}' })`,
      );
    });

    it('is done by one of the processes that share a store', async () => {
      const store = new MemoryCertificateStore();
      await morning({ store });
      const first = reconciler;
      const second = await start({ store });
      await pay();
      night();
      first.start(books);
      second.start(books);
      await pass(10 * HOUR + 35 * MINUTE, said('differ'));
      await pass(8 * HOUR, () => books.asked.length === 1);
      expect(books.differences).toHaveLength(1);
    });

    it('needs a merchant', async () => {
      await morning();
      night();
      reconciler.start(books, { merchant: 'nobody' });
      await pass(11 * HOUR, said('There is no merchant of this'));
    });

    it.each([
      { at: '08:59' },
      { at: '19:31' },
      { at: '9:30' },
      { at: '10:60' },
      { at: 1030 },
      { jitterMs: -1 },
      { jitterMs: 600_001 },
      { jitterMs: Number.NaN },
      { subMchid: 'abc' },
    ])('refuses %j', async (options) => {
      await morning();
      expect(() => reconciler.start(books, options as never)).toThrow(
        new RegExp(`${Object.keys(options).join()}.* must be`),
      );
      expect(() => reconciler.start({} as never)).toThrow(/trades\(day\)/);
      expect(() => reconciler.start(books, { at: undefined, merchant: undefined })()).not.toThrow();
    });
  });
});
