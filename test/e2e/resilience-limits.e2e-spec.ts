import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { WechatPayFallback } from 'nestjs-wechatpay';
import { rejection } from '../support/merchant-context.js';
import { broken, fine, refusal, Resilient, silence } from '../support/resilient.js';

const order = { description: 'x', out_trade_no: 'tea-0001', amount: { total: 1 } };

describe('when the platform is down', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());
  const fail = async (calls: number): Promise<void> => {
    for (let call = 0; call < calls; call += 1) {
      await rejection(shop.context.http.get('/v3/x', { retries: 0 }));
    }
  };

  it('fails at once, sends nothing, and says when to come back', async () => {
    shop = await Resilient.start({}, [() => refusal(503)]);
    await fail(20);
    const begun = performance.now();
    const error = await rejection(shop.context.http.get('/v3/x'));
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', isRetryable: true, wasSent: false });
    expect(error['retryAfterMs']).toBeGreaterThan(3_000);
    expect(performance.now() - begun).toBeLessThan(100);
    await expect(
      rejection(shop.context.client.payments.native.prepay(order as never)),
    ).resolves.toMatchObject({ code: 'CIRCUIT_OPEN', isResultUnknown: false });
    expect(shop.primary.requests).toHaveLength(20);
  });

  it('goes on at the other host when one is down', async () => {
    shop = await Resilient.start({}, [() => refusal(503), () => fine()]);
    await fail(20);
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(shop.primary.requests).toHaveLength(20);
  });

  it('leaves a host whose connections fail, and every call has its answer', async () => {
    shop = await Resilient.start({}, [() => fine(), () => fine()]);
    await shop.primary.close();
    for (let call = 0; call < 30; call += 1) {
      await shop.context.http.get('/v3/x');
      await shop.context.client.refunds.create({} as never); // nothing was sent to the first
    }
    expect(shop.platforms[1]?.requests).toHaveLength(60);
  });

  it('gives up a connection that does not come about, for the other host', async () => {
    const hole = createServer(() => undefined); // no TLS handshake ever ends there
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    const { port } = hole.address() as AddressInfo;
    shop = await Resilient.start({}, [() => fine()], {}, `https://127.0.0.1:${port}`);
    const begun = performance.now();
    await expect(shop.context.client.refunds.create({} as never)).resolves.toEqual({ ok: true });
    expect(performance.now() - begun).toBeLessThan(2_000);
    hole.close();
  });
});

describe('a burst', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());

  it('is refused early where it is too large, and the rest has its turn', async () => {
    shop = await Resilient.start({ maxConcurrency: 2, maxQueue: 3 }, [() => fine()]);
    const calls = Array.from({ length: 10 }, () => shop.context.http.get('/v3/x'));
    const results = await Promise.allSettled(calls);
    const codes = results.map((each) =>
      each.status === 'fulfilled' ? 'fine' : (each.reason as { code: string }).code,
    );
    expect(codes.filter((code) => code === 'fine')).toHaveLength(5);
    expect(codes.filter((code) => code === 'OVERLOADED')).toHaveLength(5);
    expect(shop.context.http.load).toEqual({ running: 0, waiting: 0, limit: 2 });
  });

  it('becomes slower after a 429', async () => {
    shop = await Resilient.start({ maxConcurrency: 8 }, [() => refusal(429)]);
    await Promise.all(
      Array.from({ length: 8 }, () => rejection(shop.context.http.get('/v3/x', { retries: 0 }))),
    );
    expect(shop.context.http.load.limit).toBe(4);
    shop.primary.handler = () => fine();
    for (let call = 0; call < 30; call += 1) await shop.context.http.get('/v3/x');
    expect(shop.context.http.load.limit).toBe(8);
  });
});

describe('what the application has in place of an answer', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());
  const fallback = jest.fn<WechatPayFallback>();
  afterEach(() => void fallback.mockReset());

  it('stands in for a read that fails, and says so', async () => {
    shop = await Resilient.start({ fallback, retries: 0 }, [() => refusal(500)]);
    fallback.mockReturnValue({ trade_state: 'NOTPAY' });
    await expect(shop.context.http.get('/v3/x')).resolves.toEqual({
      status: 503,
      data: { trade_state: 'NOTPAY' },
      requestId: undefined,
      headers: {},
      isFallback: true,
    });
    await shop.context.client.payments.native.queryByOutTradeNo('tea-0001');
    expect(fallback.mock.calls.map(([{ code }, call]) => [code, call])).toEqual([
      [
        'API_ERROR',
        { method: 'GET', path: '/v3/x', operation: undefined, businessNumber: undefined },
      ],
      [
        'API_ERROR',
        {
          method: 'GET',
          path: '/v3/pay/transactions/out-trade-no/tea-0001',
          operation: 'payments.native.queryOrderByOutTradeNo',
          businessNumber: undefined,
        },
      ],
    ]);
  });

  it.each([
    ['it has nothing', () => undefined],
    ['it fails itself', () => Promise.reject(new Error('cache'))],
    [
      'it throws',
      () => {
        throw new Error('cache');
      },
    ],
  ])('leaves the failure as it was when %s', async (_, given) => {
    shop = await Resilient.start({ fallback: given, retries: 0 }, [() => refusal(500)]);
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({ status: 500 });
  });

  it.each([
    ['a write whose result is unknown', broken, () => shop.context.http.post('/v3/x', {})],
    ['a refusal', () => refusal(400), () => shop.context.http.get('/v3/x')],
  ])('is not asked about %s', async (_, reply, call) => {
    shop = await Resilient.start({ fallback, retries: 0 }, [reply]);
    await rejection(call());
    expect(fallback).not.toHaveBeenCalled();
  });

  it('has a second, and no longer', async () => {
    shop = await Resilient.start({ fallback: () => new Promise(() => undefined), retries: 0 }, [
      () => refusal(500),
    ]);
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({ status: 500 });
  });
});

describe('a context that is drained', () => {
  it('lets calls that run finish, and refuses new ones', async () => {
    let answer: () => void = () => undefined;
    const shop = await Resilient.start({}, [
      () => ({
        ...fine(),
        write: (response, headers) => {
          answer = () => response.writeHead(200, headers).end('{"ok":true}');
        },
      }),
    ]);
    const running = shop.context.http.get('/v3/x');
    await shop.primary.arrived(1);
    const drained = shop.context.drain();
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CLOSED',
    });
    answer();
    await expect(running).resolves.toMatchObject({ status: 200 });
    await drained;
    await shop.stop();
  });

  it('waits for no longer than http.closeGraceMs', async () => {
    const shop = await Resilient.start({ closeGraceMs: 50 }, [silence]);
    const running = rejection(shop.context.http.get('/v3/x'));
    await shop.primary.arrived(1);
    await shop.context.drain();
    await shop.stop();
    await expect(running).resolves.toBeInstanceOf(Error);
  });
});
