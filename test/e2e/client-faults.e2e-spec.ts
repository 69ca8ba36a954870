import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { WechatPayClient } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { send } from '../emulator/support/merchant.js';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import { merchantContext, rejection, type TestContext } from '../support/merchant-context.js';

let count = 0;
const nextNumber = (): string => `fault-${process.pid}-${(count += 1)}`;

describe('the client, when the platform drops or delays an answer', () => {
  let emulator: WechatPayEmulator;
  let context: TestContext;
  let client: WechatPayClient;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    context = merchantContext(emulator.options({ notifyUrl: 'http://127.0.0.1:9/notify' }));
    ({ client } = context);
  });
  afterEach(() => {
    jest.useRealTimers();
    emulator.clearFaults();
  });
  afterAll(async () => {
    await emulator.close();
    await context.end();
  });

  const order = () => ({ description: '茶', out_trade_no: nextNumber(), amount: { total: 100 } });
  /** How an order stands, or why that is not known. */
  const stateOf = (outTradeNo: string): Promise<string | undefined> =>
    client.payments.native.queryByOutTradeNo(outTradeNo).then(
      (found) => found.trade_state,
      (error: { platformCode: string }) => error.platformCode,
    );
  const refund = (outTradeNo: string, outRefundNo: string, fen: number) =>
    client.refunds.create({
      out_trade_no: outTradeNo,
      out_refund_no: outRefundNo,
      amount: { refund: fen, total: 100, currency: 'CNY' },
    });

  it.each([
    ['drop-after-commit', 'NOTPAY'],
    ['drop', 'ORDER_NOT_EXIST'],
  ] as const)('learns from a query how the order stands: %s, %s', async (kind, state) => {
    const body = order();
    emulator.addFault({ kind, match: 'POST /v3/pay/' });
    await expect(rejection(client.payments.native.prepay(body))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      isResultUnknown: true,
      isRetryable: true,
      cause: { code: 'CONNECTION_FAILED', wasSent: true },
    });
    expect(await stateOf(body.out_trade_no)).toBe(state);
  });

  it('refunds once, when the answer to a refund is dropped and the refund sent again', async () => {
    const { out_trade_no: outTradeNo, ...rest } = order();
    await client.payments.native.prepay({ ...rest, out_trade_no: outTradeNo });
    emulator.pay(outTradeNo);
    const number = nextNumber();
    emulator.addFault({ kind: 'drop-after-commit', match: 'POST /v3/refund' });
    const dropped = await rejection(refund(outTradeNo, number, 60));
    expect(dropped).toMatchObject({ code: 'RESULT_UNKNOWN', isResultUnknown: true });
    const found = await client.refunds.query(number);
    expect((await refund(outTradeNo, number, 60)).refund_id).toBe(found.refund_id);
    const tooMuch = await rejection(refund(outTradeNo, nextNumber(), 41));
    expect(tooMuch).toMatchObject({ name: 'WechatPayApiError', isResultUnknown: false });
    expect((await refund(outTradeNo, nextNumber(), 40)).status).toBe('PROCESSING');
  });

  it.each(['drop-after-commit', 'drop'] as const)(
    'settles an order whose answer was lost, with the same number: %s',
    async (kind) => {
      const body = order();
      emulator.addFault({ kind, match: 'POST /v3/pay/' });
      await rejection(client.payments.native.prepay(body));
      const settled = await client.payments.native.settle(body);
      expect(settled).toEqual({ state: 'placed', result: { code_url: expect.any(String) } });
      expect(await client.payments.native.settle(body)).toEqual(settled);
      emulator.pay(body.out_trade_no);
      await expect(client.payments.native.settle(body)).resolves.toMatchObject({
        state: 'advanced',
        transaction: { out_trade_no: body.out_trade_no, trade_state: 'SUCCESS' },
      });
    },
  );

  it.each(['drop-after-commit', 'drop'] as const)(
    'settles a refund whose answer was lost, once: %s',
    async (kind) => {
      const paid = order();
      await client.payments.native.prepay(paid);
      emulator.pay(paid.out_trade_no);
      const body = {
        out_trade_no: paid.out_trade_no,
        out_refund_no: nextNumber(),
        amount: { refund: 60, total: 100, currency: 'CNY' },
      };
      emulator.addFault({ kind, match: 'POST /v3/refund' });
      await rejection(client.refunds.create(body));
      const settled = await client.refunds.settle(body);
      expect(settled).toMatchObject({ out_refund_no: body.out_refund_no, status: 'PROCESSING' });
      expect((await client.refunds.settle(body)).refund_id).toBe(settled.refund_id);
      // 60 of 100 fen were refunded, not 120
      await expect(refund(paid.out_trade_no, nextNumber(), 40)).resolves.toBeDefined();
    },
  );

  it('settles nothing while the query fails', async () => {
    const body = order();
    emulator.addFault({ kind: 'status-500', match: 'GET /v3/pay/' });
    await expect(rejection(client.payments.native.settle(body))).resolves.toMatchObject({
      status: 500,
    });
    expect(await stateOf(body.out_trade_no)).toBe('ORDER_NOT_EXIST');
  });

  it('waits for an answer that is held back, and takes it', async () => {
    emulator.addFault({ kind: 'delay', match: 'POST /v3/pay/', delayMs: 60 });
    const started = performance.now();
    const { code_url: code } = await client.payments.native.prepay(order());
    expect(performance.now() - started).toBeGreaterThan(50);
    expect(code).toMatch(/^weixin:/);
  });

  it('leaves the result open when an answer is held back for longer than the call may take', async () => {
    const body = order();
    emulator.addFault({ kind: 'delay', match: 'POST /v3/pay/', delayMs: 60_000 });
    fakeTimeouts();
    const late = rejection(client.payments.native.prepay(body, { timeoutMs: 3000 }));
    // once the fault has been taken, the order is there and its answer waits
    for (let isTaken = false; !isTaken;) {
      const { json } = await send(emulator.url, { path: '/emulator/faults' });
      isTaken = (json['faults'] as readonly unknown[]).length === 0;
    }
    jest.advanceTimersByTime(3000);
    await expect(late).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      isResultUnknown: true,
      isRetryable: true,
      cause: { code: 'TIMEOUT', wasSent: true },
    });
    jest.useRealTimers();
    expect(await stateOf(body.out_trade_no)).toBe('NOTPAY');
    const { code_url: code } = await client.payments.native.prepay(body);
    expect(code).toMatch(/^weixin:/);
  });
});
