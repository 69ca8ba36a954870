import { afterEach, describe, expect, it } from '@jest/globals';
import { isSignedAsSent, readAuthorization } from '../support/authorization.js';
import { rejection } from '../support/merchant-context.js';
import { broken, fine, inTurn, probe, refusal, Resilient, silence } from '../support/resilient.js';

const order = {
  description: '龙井茶',
  out_trade_no: 'tea-0001',
  amount: { total: 1 },
  payer: { identity: { type: 'IDCARD', name: '张三', number: '11010119900307889X' } },
};
const refund = {
  out_trade_no: 'tea-0001',
  out_refund_no: 'tea-0001-1',
  amount: { refund: 1, total: 1, currency: 'CNY' },
} as const;
/** Long enough for a busy machine to answer, and for a test to wait. */
const quick = { attemptTimeoutMs: 600 };

describe('a call that may be repeated', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());

  it.each([
    ['500', () => refusal(500)],
    ['502 with HTML', () => ({ status: 502, body: '<html>' })],
    ['429', () => refusal(429)],
    ['a reset connection', broken],
    ['no answer within the limit of an attempt', silence],
    ['a deliberate wrong signature', probe],
  ])('has an answer after two attempts that met %s', async (_, failure) => {
    shop = await Resilient.start(quick, [inTurn(failure, failure, () => fine())]);
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ data: { ok: true } });
    expect(shop.primary.requests).toHaveLength(3);
  });

  it('fails like its last attempt when there are no more', async () => {
    shop = await Resilient.start(quick, [
      inTurn(
        broken,
        () => refusal(500),
        () => refusal(503),
      ),
    ]);
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'API_ERROR',
      status: 503,
      isRetryable: true,
    });
    expect(shop.primary.requests).toHaveLength(3);
  });

  it.each([0, 1, 5])('is repeated %d times when the call says so', async (retries) => {
    shop = await Resilient.start(quick, [() => refusal(500)]);
    await rejection(shop.context.http.get('/v3/x', { retries }));
    expect(shop.primary.requests).toHaveLength(retries + 1);
  });

  it.each([-1, 6, 1.5, NaN, '1'])('cannot be repeated %p times', async (retries) => {
    shop = await Resilient.start();
    await expect(
      rejection(shop.context.http.get('/v3/x', { retries: retries as number })),
    ).resolves.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(shop.primary.requests).toHaveLength(0);
  });

  it.each([400, 401, 403, 404])('is not repeated after %d', async (status) => {
    shop = await Resilient.start(quick, [() => refusal(status)]);
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({ status });
    expect(shop.primary.requests).toHaveLength(1);
  });

  it('sends the same bytes again, encrypted once and signed anew', async () => {
    shop = await Resilient.start(quick, [
      inTurn(
        () => refusal(500),
        broken,
        () => fine('{"code_url":"weixin://x"}'),
      ),
    ]);
    const { code_url } = await shop.context.client.payments.native.prepay(order as never);
    expect(code_url).toBe('weixin://x');
    const { requests } = shop.primary;
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
    const [first, ...others] = requests.map(({ body }) => body.toString());
    expect(others).toEqual([first, first]);
    expect(first).not.toContain('张三');
    const serials = requests.map(({ headers }) => headers['wechatpay-serial']);
    expect(new Set(serials).size).toBe(1);
    for (const { method, target, body, headers } of requests) {
      const { authorization } = headers;
      expect(isSignedAsSent({ method, target, body, authorization })).toBe(true);
    }
    const nonces = requests.map(({ headers }) => readAuthorization(headers.authorization)?.nonce);
    expect(new Set(nonces).size).toBe(3);
  });

  it('repeats a write by path when the caller names the number that makes it the same', async () => {
    shop = await Resilient.start(quick, [inTurn(broken, () => fine())]);
    const idempotentBy = { name: 'out_bill_no', value: '1' };
    await shop.context.http.post('/v3/fund-app/mch-transfer/transfer-bills', {}, { idempotentBy });
    expect(shop.primary.requests).toHaveLength(2);
  });

  it.each([
    ['a write without such a number', (shop: Resilient) => shop.context.http.post('/v3/x', {})],
    ['a refund', (shop: Resilient) => shop.context.client.refunds.create(refund as never)],
  ])('is not %s', async (_, call) => {
    shop = await Resilient.start(quick, [inTurn(broken, () => fine())]);
    await expect(rejection(call(shop))).resolves.toMatchObject({ code: 'RESULT_UNKNOWN' });
    expect(shop.primary.requests).toHaveLength(1);
  });

  it('gives a write that may not be repeated its whole time', async () => {
    shop = await Resilient.start(quick, [
      () => ({
        ...fine(),
        write: (response, headers) =>
          void setTimeout(() => response.writeHead(200, headers).end('{"ok":true}'), 900),
      }),
    ]);
    await expect(shop.context.client.refunds.create(refund as never)).resolves.toEqual({
      ok: true,
    });
  });

  it('waits as long as Retry-After asks for', async () => {
    shop = await Resilient.start({}, [
      inTurn(
        () => refusal(429, { 'Retry-After': '1' }),
        () => fine(),
      ),
    ]);
    const begun = performance.now();
    await shop.context.http.get('/v3/x');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
  });

  it.each(['31536000', '6', 'Fri, 31 Dec 2100 00:00:00 GMT'])(
    'does not wait when Retry-After is %s, and says so',
    async (asked) => {
      shop = await Resilient.start({}, [() => refusal(503, { 'Retry-After': asked })]);
      const error = await rejection(shop.context.http.get('/v3/x'));
      expect(shop.primary.requests).toHaveLength(1);
      expect(error['retryAfterMs']).toBeGreaterThan(5_000);
      expect(error['retryAfterMs']).toBeLessThanOrEqual(86_400_000);
    },
  );

  it('does not begin to wait for longer than it has', async () => {
    shop = await Resilient.start({}, [() => refusal(503, { 'Retry-After': '5' })]);
    const begun = performance.now();
    const error = await rejection(shop.context.http.get('/v3/x', { timeoutMs: 2_000 }));
    expect(error).toMatchObject({ status: 503, retryAfterMs: 5_000 });
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it('ends with its caller while it waits', async () => {
    shop = await Resilient.start({}, [() => refusal(503, { 'Retry-After': '5' })]);
    const abort = new AbortController();
    const call = rejection(shop.context.http.get('/v3/x', { signal: abort.signal }));
    await shop.primary.arrived(1);
    setTimeout(() => abort.abort(), 20);
    await expect(call).resolves.toMatchObject({ code: 'ABORTED' });
    expect(shop.primary.requests).toHaveLength(1);
  });

  it('is repeated no more than a fifth of the time when everything fails', async () => {
    shop = await Resilient.start({}, [
      // 5xx would open the breaker: 429 opens none
      () => refusal(429),
    ]);
    for (let call = 0; call < 60; call += 1) await rejection(shop.context.http.get('/v3/x'));
    const repeated = shop.primary.requests.length - 60;
    expect(repeated).toBeGreaterThanOrEqual(20);
    expect(repeated).toBeLessThanOrEqual(25);
  });

  it('is given its whole time when there is no repetition to be had', async () => {
    shop = await Resilient.start(quick, [
      (request) =>
        request.target === '/v3/slow'
          ? {
              ...fine(),
              write: (response, headers) =>
                void setTimeout(() => response.writeHead(200, headers).end('{"ok":true}'), 900),
            }
          : refusal(429),
    ]);
    for (let call = 0; call < 30; call += 1) await rejection(shop.context.http.get('/v3/x'));
    const before = shop.primary.requests.length;
    await expect(shop.context.http.get('/v3/slow')).resolves.toMatchObject({ status: 200 });
    expect(shop.primary.requests).toHaveLength(before + 1);
  });
});
