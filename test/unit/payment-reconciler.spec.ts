import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { PaymentReconciler, WechatPayConfigurationError, type Unsettled } from 'nestjs-wechatpay';

const MINUTE = 60_000;

/** A store that is shared by the processes of a test. */
class Leases {
  readonly keys: string[] = [];
  readonly #untilMs = new Map<string, number>();
  readonly tryLease = async (key: string, ttlMs: number): Promise<boolean> => {
    this.keys.push(key);
    if ((this.#untilMs.get(key) ?? 0) > Date.now()) return false;
    this.#untilMs.set(key, Date.now() + ttlMs);
    return true;
  };
}

describe('the rounds of the reconciler', () => {
  let leases: Leases;
  let query: jest.Mock<(outTradeNo: string) => Promise<object>>;
  let lines: string[];
  const made: PaymentReconciler[] = [];

  beforeEach(() => {
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
    leases = new Leases();
    lines = [];
    query = jest.fn(async () => ({ trade_state: 'NOTPAY' }));
    for (const level of ['warn', 'error'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((text: unknown) => void lines.push(`${level} ${String(text)}`));
    }
  });
  afterEach(() => {
    for (const reconciler of made.splice(0)) reconciler.onModuleDestroy();
    expect(jest.getTimerCount()).toBe(0);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  /** One process of a fleet. */
  function process(get?: () => Promise<unknown>): PaymentReconciler {
    const context = {
      name: 'default',
      mchid: '1900000001',
      tryLease: leases.tryLease,
      client: { payments: { native: { queryByOutTradeNo: query } }, refunds: {} },
    };
    const merchants = { get: get ?? (() => Promise.resolve(context)) };
    const notifications = { settle: () => Promise.resolve(true) };
    const reconciler = new PaymentReconciler(merchants as never, notifications as never);
    made.push(reconciler);
    return reconciler;
  }
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);
  const orders = (count: number): Unsettled[] =>
    Array.from({ length: count }, (_, at) => ({ outTradeNo: `order-${at}` }));

  it('go on when the merchant cannot be had, with a line of the log for each', async () => {
    const failures = [
      new WechatPayConfigurationError(['nobody'], { code: 'MERCHANT_UNKNOWN' }),
      new Error('no database'),
      'no error',
    ];
    const get = jest.fn(() => Promise.reject(failures.shift()));
    const unsettled = jest.fn(() => orders(1));
    process(get).start({ unsettled });
    await pass(3 * MINUTE);
    expect(get).toHaveBeenCalledTimes(3);
    expect(unsettled).not.toHaveBeenCalled();
    expect(lines).toEqual([
      expect.stringMatching(/^error .*nobody.*60000 ms/s),
      expect.stringMatching(/^warn .*no database/),
      expect.stringMatching(/^warn .*unknown error/),
    ]);
  });

  it('are one process’s at a time, however long they take', async () => {
    const [a, b] = [process(), process()];
    const source = (count: number) => ({
      async *unsettled() {
        for (const order of orders(count)) {
          await new Promise((resolve) => setTimeout(resolve, 10_000));
          yield order;
        }
      },
    });
    const long = a.round(source(60));
    for (let minute = 0; minute < 9; minute += 1) {
      await pass(MINUTE);
      await expect(b.round(source(0))).resolves.toMatchObject({ isOurs: false });
    }
    await pass(MINUTE);
    await expect(long).resolves.toMatchObject({ isOurs: true, asked: 60 });
    await pass(MINUTE);
    await expect(b.round(source(0))).resolves.toMatchObject({ isOurs: true });
  });

  it('stop when another process has gone on with them, and ask nothing more', async () => {
    const [a, b] = [process(), process()];
    let goOn: () => void = () => undefined;
    const halted = a.round({
      async *unsettled() {
        yield* orders(1);
        await new Promise<void>((resolve) => (goOn = resolve));
        yield* orders(50);
      },
    });
    await pass(0);
    jest.setSystemTime(Date.now() + 3 * MINUTE); // the process was stopped
    await expect(b.round({ unsettled: () => orders(1) })).resolves.toMatchObject({ asked: 1 });
    await pass(MINUTE);
    goOn();
    await expect(halted).resolves.toMatchObject({ isOurs: true, asked: 1 });
  });

  it('of two names keep each other from nothing', async () => {
    const reconciler = process();
    const source = { unsettled: () => orders(1) };
    await expect(reconciler.round(source)).resolves.toMatchObject({ isOurs: true });
    await expect(reconciler.round(source)).resolves.toMatchObject({ isOurs: false });
    const refunds = reconciler.round({ unsettled: () => orders(1) }, { name: 'refunds' });
    await expect(refunds).resolves.toMatchObject({ isOurs: true, asked: 1 });
    expect(leases.keys.join()).toMatch(/reconcile:1900000001:default:\d,.*:refunds:\d/);
  });

  it('ask again soon about what could not be asked about', async () => {
    const createdAtMs = Date.now() - 24 * 60 * MINUTE;
    const source = { unsettled: () => [{ outTradeNo: 'old', createdAtMs }] };
    const reconciler = process();
    query.mockRejectedValueOnce(new Error('down'));
    await expect(reconciler.round(source)).resolves.toMatchObject({ asked: 1, failed: 1 });
    await pass(MINUTE);
    await expect(reconciler.round(source)).resolves.toMatchObject({ asked: 1, failed: 0 });
    await pass(MINUTE);
    await expect(reconciler.round(source)).resolves.toMatchObject({ asked: 0 });
  });
});
