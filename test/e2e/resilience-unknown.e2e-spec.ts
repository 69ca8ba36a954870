import { afterEach, describe, expect, it } from '@jest/globals';
import { rejection } from '../support/merchant-context.js';
import { broken, fine, inTurn, probe, refusal, Resilient, silence } from '../support/resilient.js';

const order = { description: '龙井茶', out_trade_no: 'tea-0001', amount: { total: 1 } };
const refund = {
  out_trade_no: 'tea-0001',
  out_refund_no: 'tea-0001-1',
  amount: { refund: 1, total: 1, currency: 'CNY' },
};

describe('a write whose result is not known', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());

  it.each([
    ['timed out', silence],
    ['was cut off', broken],
    ['came back unverifiable', probe],
  ])('names its number and the query to make: %s', async (_, failure) => {
    shop = await Resilient.start({ attemptTimeoutMs: 50, timeoutMs: 300 }, [failure]);
    const error = await rejection(shop.context.client.payments.native.prepay(order as never));
    expect(error).toMatchObject({
      name: 'WechatPayUnknownResultError',
      code: 'RESULT_UNKNOWN',
      isResultUnknown: true,
      isRetryable: true,
      businessNumber: { name: 'out_trade_no', value: 'tea-0001' },
      query: 'GET /v3/pay/transactions/out-trade-no/{out_trade_no}',
    });
    expect(error.message).toContain('Ask GET /v3/pay/transactions/out-trade-no/{out_trade_no}');
    expect(error.message).not.toContain('tea-0001');
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ query: error['query'] });
  });

  it('names the refund', async () => {
    shop = await Resilient.start({ timeoutMs: 100 }, [silence]);
    await expect(
      rejection(shop.context.client.refunds.create(refund as never)),
    ).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      businessNumber: { name: 'out_refund_no', value: 'tea-0001-1' },
      query: 'GET /v3/refund/domestic/refunds/{out_refund_no}',
    });
  });

  it('names no number that the write does not have', async () => {
    shop = await Resilient.start({}, [broken]);
    await expect(rejection(shop.context.http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      businessNumber: undefined,
      query: undefined,
    });
  });

  it.each([
    ['a refusal that says nothing of it (429)', () => refusal(429)],
    ['a refusal of the signature (401)', () => refusal(401)],
    ['another timeout', silence],
  ])('stays unknown after %s', async (_, last) => {
    shop = await Resilient.start({ attemptTimeoutMs: 50, timeoutMs: 400, retries: 1 }, [
      inTurn(broken, last),
    ]);
    await expect(
      rejection(shop.context.client.payments.native.prepay(order as never)),
    ).resolves.toMatchObject({ code: 'RESULT_UNKNOWN' });
  });

  it('is known again when the platform has looked at the number', async () => {
    shop = await Resilient.start({}, [
      inTurn(broken, () => ({ status: 400, body: '{"code":"ORDERPAID"}' })),
    ]);
    await expect(
      rejection(shop.context.client.payments.native.prepay(order as never)),
    ).resolves.toMatchObject({ code: 'API_ERROR', platformCode: 'ORDERPAID' });
  });

  it('is not a write that never left', async () => {
    shop = await Resilient.start({ retries: 0 }, [() => fine()]);
    await shop.primary.close();
    await expect(
      rejection(shop.context.client.payments.native.prepay(order as never)),
    ).resolves.toMatchObject({ code: 'CONNECTION_FAILED', wasSent: false, isResultUnknown: false });
  });
});
