import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Injectable, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  assertMatchesOrder,
  getWechatPayClientToken,
  MemoryCertificateStore,
  OnWechatPayNotification,
  PaymentReconciler,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotifications,
  type Unsettled,
  type UnsettledSource,
  type WechatPayClient,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { rejection } from '../support/merchant-context.js';
import { RecordingLogger } from '../support/recording-logger.js';

const SUB = '1900000109';
const seen = jest.fn<(event: string) => unknown>();

@Injectable()
class Handlers {
  @OnWechatPayNotification(['TRANSACTION.SUCCESS', 'TRANSACTION.CLOSED'])
  pay({ eventType, payload }: WechatPayNotification<'TRANSACTION.SUCCESS' | 'TRANSACTION.CLOSED'>) {
    return seen(`${eventType} ${payload.out_trade_no} ${payload.trade_state}`);
  }

  @OnWechatPayNotification('REFUND.SUCCESS')
  refund({ payload, key }: WechatPayNotification<'REFUND.SUCCESS'>) {
    return seen(`${key} ${payload.refund_status} ${payload.amount.refund}`);
  }
}

/** A shop with open orders. */
class Shop implements UnsettledSource {
  open: Unsettled[] = [];
  asked: Date[] = [];

  async *unsettled(olderThan: Date): AsyncGenerator<Unsettled> {
    this.asked.push(olderThan);
    yield* this.open;
  }
}

describe('the reconciler of open orders', () => {
  let emulator: WechatPayEmulator;
  let app: TestingModule;
  let client: WechatPayClient;
  let reconciler: PaymentReconciler;
  let shop: Shop;
  let count = 0;
  const logger = new RecordingLogger();

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await app.close();
    seen.mockReset();
    logger.clear();
    emulator.clearFaults();
  });
  afterAll(() => emulator.close());

  async function start(
    options: Partial<WechatPayOptions> = {},
    providers: Provider[] = [Handlers],
  ): Promise<void> {
    app = await Test.createTestingModule({
      imports: [
        // nobody listens there: no notification arrives
        WechatPayModule.forRoot({
          ...emulator.options({ notifyUrl: 'http://127.0.0.1:9/notify' }),
          ...options,
        }),
      ],
      providers,
    })
      .setLogger(logger)
      .compile();
    await app.init();
    client = app.get(getWechatPayClientToken());
    reconciler = app.get(PaymentReconciler);
    shop = new Shop();
  }
  const order = async (product = client.payments.native): Promise<string> => {
    const out_trade_no = `reconcile-${(count += 1)}`;
    await product.prepay({ out_trade_no, description: '茶', amount: { total: 100 } });
    return out_trade_no;
  };

  it('hands what was paid to the handlers, once, and leaves what is open', async () => {
    await start();
    const [paid, open] = [await order(), await order()];
    emulator.pay(paid);
    shop.open = [{ outTradeNo: paid }, { outTradeNo: open }];
    const first = await reconciler.round(shop);
    expect(first).toEqual({
      isOurs: true,
      asked: 2,
      settled: 1,
      unhandled: 0,
      missing: 0,
      failed: 0,
    });
    expect(seen.mock.calls.flat()).toEqual([`TRANSACTION.SUCCESS ${paid} SUCCESS`]);
    // the shop still calls both open, and it is too early to ask again
    await expect(reconciler.round(shop)).resolves.toMatchObject({ asked: 0 });
    expect(Date.now() - Number(shop.asked[0]?.getTime())).toBeGreaterThanOrEqual(60_000);
  });

  it('tells of closed orders and of refunds', async () => {
    await start();
    const [closed, refunded] = [await order(), await order()];
    await client.payments.native.close(closed);
    emulator.pay(refunded);
    const out_refund_no = `${refunded}-r`;
    await client.refunds.create({
      out_trade_no: refunded,
      out_refund_no,
      amount: { refund: 30, total: 100, currency: 'CNY' },
    });
    emulator.finishRefund(out_refund_no);
    shop.open = [
      { outTradeNo: closed },
      { outTradeNo: refunded },
      { outRefundNo: out_refund_no, createdAtMs: Date.now() - 3_600_000 },
    ];
    await expect(reconciler.round(shop)).resolves.toMatchObject({ settled: 3 });
    expect(seen.mock.calls.flat().sort()).toEqual([
      `REFUND.SUCCESS:${emulator.mchid}::${out_refund_no} SUCCESS 30`,
      `TRANSACTION.CLOSED ${closed} CLOSED`,
      `TRANSACTION.SUCCESS ${refunded} REFUND`,
    ]);
  });

  it('counts an end that nobody handles apart, and says so once where money has moved', async () => {
    await start({}, []);
    const paid = [await order(), await order()];
    for (const number of paid) emulator.pay(number);
    shop.open = paid.map((outTradeNo) => ({ outTradeNo }));
    await expect(reconciler.round(shop)).resolves.toMatchObject({
      asked: 2,
      settled: 0,
      unhandled: 2,
      failed: 0,
    });
    const warnings = logger.textOf('warn').match(/no handler takes it: .*/g);
    expect(warnings).toEqual([expect.stringContaining("('TRANSACTION.SUCCESS')")]);
  });

  it('settles an order that was refunded with the handler of the guide', async () => {
    const credited: string[] = [];
    @Injectable()
    class Guide {
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      paid({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): void {
        assertMatchesOrder(payload, { totalFen: 100, appid: emulator.appid });
        credited.push(payload.trade_state);
      }
    }
    await start({}, [Guide]);
    const number = await order();
    emulator.pay(number);
    await client.refunds.create({
      out_trade_no: number,
      out_refund_no: `${number}-r`,
      amount: { refund: 30, total: 100, currency: 'CNY' },
    });
    emulator.finishRefund(`${number}-r`);
    shop.open = [{ outTradeNo: number }];
    await expect(reconciler.round(shop)).resolves.toMatchObject({ settled: 1, failed: 0 });
    expect(credited).toEqual(['REFUND']);
  });

  it('finds what may be dispatched again, as a notification, and is handled already', async () => {
    const found: WechatPayNotification<'TRANSACTION.SUCCESS'>[] = [];
    @Injectable()
    class Keeping {
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      paid(notification: WechatPayNotification<'TRANSACTION.SUCCESS'>): void {
        found.push(notification);
      }
    }
    await start({}, [Keeping]);
    const number = await order();
    emulator.pay(number);
    shop.open = [{ outTradeNo: number }];
    await reconciler.round(shop);
    await app.get(WechatPayNotifications).dispatch(found[0] as WechatPayNotification);
    expect(found).toHaveLength(1);
  });

  it('says nothing of an end without money that nobody handles', async () => {
    await start();
    const number = await order();
    emulator.pay(number);
    const out_refund_no = `${number}-r`;
    await client.refunds.create({
      out_trade_no: number,
      out_refund_no,
      amount: { refund: 100, total: 100, currency: 'CNY' },
    });
    emulator.finishRefund(out_refund_no, 'CLOSED');
    shop.open = [{ outRefundNo: out_refund_no }];
    await expect(reconciler.round(shop)).resolves.toMatchObject({ settled: 0, unhandled: 1 });
    expect(seen).not.toHaveBeenCalled();
    expect(logger.textOf('warn')).not.toMatch(/no handler/i);
  });

  it('asks for the orders of a sub-merchant as its provider', async () => {
    await start();
    const partner = client.partner(SUB);
    const paid = await order(partner.payments.native as never);
    emulator.pay(paid);
    shop.open = [{ outTradeNo: paid, subMchid: SUB }];
    await expect(reconciler.round(shop)).resolves.toMatchObject({ settled: 1 });
    expect(seen).toHaveBeenCalledTimes(1);
  });

  it('counts what the platform does not know, and what fails, and asks again later', async () => {
    await start();
    const [failing, broken] = [await order(), await order()];
    emulator.pay(failing);
    seen.mockImplementationOnce(() => Promise.reject(new Error('no database')));
    shop.open = [{ outTradeNo: 'never-placed' }, { outTradeNo: failing }];
    await expect(reconciler.round(shop, { concurrency: 1 })).resolves.toMatchObject({
      missing: 1,
      failed: 1,
    });
    emulator.addFault({ match: broken, kind: 'status-500', times: 10 });
    shop.open = [{ outTradeNo: broken }];
    await expect(reconciler.round(shop)).resolves.toMatchObject({ failed: 1 });
    expect(logger.textOf('warn')).toContain('could not be settled');
    expect(logger.textOf('error')).toContain('Handlers.pay failed; the platform is asked again');
    shop.open = [{ outTradeNo: failing }]; // forgotten meanwhile: it is asked at once
    await expect(reconciler.round(shop)).resolves.toMatchObject({ settled: 1, failed: 0 });
    expect(seen).toHaveBeenCalledTimes(2);
  });

  it('survives a source that fails in the middle', async () => {
    await start();
    const paid = await order();
    emulator.pay(paid);
    const source: UnsettledSource = {
      async *unsettled() {
        yield { outTradeNo: paid };
        throw new Error('connection lost');
      },
    };
    await expect(reconciler.round(source)).resolves.toMatchObject({ settled: 1 });
    expect(logger.textOf('warn')).toContain('connection lost');
  });

  it('is done by one process of those that share a store', async () => {
    const store = new MemoryCertificateStore();
    await start({ store });
    const options = { everyMs: 3_600_000 };
    await expect(reconciler.round(shop, options)).resolves.toMatchObject({ isOurs: true });
    await expect(reconciler.round(shop, options)).resolves.toMatchObject({
      isOurs: false,
      asked: 0,
    });
    expect(shop.asked).toHaveLength(1);
    const other = reconciler.round(shop, { ...options, name: 'nightly' });
    await expect(other).resolves.toMatchObject({ isOurs: true });
  });

  it('goes round by itself until it is ended, and ends with the application', async () => {
    await start();
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const end = reconciler.start(shop, { everyMs: 1_000 });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(shop.asked).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(shop.asked).toHaveLength(3);
    end();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(shop.asked).toHaveLength(3);
    reconciler.start(shop, { everyMs: 1_000 });
    await app.close();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(shop.asked).toHaveLength(3);
    jest.spyOn(Math, 'random').mockRestore();
  });

  it.each([
    { everyMs: 999 },
    { concurrency: 0 },
    { minAgeMs: -1 },
    { everyMs: Number.NaN },
    { name: 'a b' },
    { name: '' },
    { name: 5 as never },
  ])('refuses %j', async (options) => {
    await start();
    expect(() => reconciler.start(shop, options)).toThrow(/must be (?:a number from|1 to 64)/);
    await expect(rejection(reconciler.round(shop, options))).resolves.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
    expect(() => reconciler.start({} as never)).toThrow(/unsettled/);
  });
});
