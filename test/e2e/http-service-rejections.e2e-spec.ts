import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayRequestError } from 'nestjs-wechatpay';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';

const signer = publicKeySigner('platform');
const FILE = '/v3/billdownload/file?token=abc';
const order = { description: 'tea', out_trade_no: 'order-0001', amount: { total: 1 } };
const NOTHING = undefined as never;

describe('arguments that no compiler has seen', () => {
  let platform: RawPlatform;
  let context: TestContext;

  beforeAll(async () => {
    platform = await RawPlatform.start(() => ({ body: '{}', signer }));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });
  afterAll(async () => {
    await context.end();
    await platform.close();
  });

  const signals: readonly unknown[] = [
    {},
    { aborted: true },
    'signal',
    null,
    new AbortController(),
  ];
  const header = (value: unknown): never => ({ headers: { 'X-A': value } }) as never;

  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ...signals.flatMap((signal, index): [string, () => Promise<unknown>][] => {
      const options = { signal } as never;
      const { client, http } = { client: () => context.client, http: () => context.http };
      return [
        [`signal ${index} of a read`, () => http().get('/v3/x', options)],
        [`signal ${index} of a write`, () => http().post('/v3/x', {}, options)],
        [`signal ${index} of a download`, () => http().stream(FILE, options)],
        [`signal ${index} of an order`, () => client().payments.native.prepay(order, options)],
        [`signal ${index} of a query`, () => client().payments.native.queryById('4', options)],
        [`signal ${index} of a refund’s query`, () => client().refunds.query('r', options)],
      ];
    }),
    ['no body of an order', () => context.client.payments.native.prepay(NOTHING)],
    ['null for a body of an order', () => context.client.payments.h5.prepay(null as never)],
    ['text for a body of an order', () => context.client.payments.app.prepay('x' as never)],
    ['no body of an invocation', () => context.client.payments.jsapi.prepayWithInvocation(NOTHING)],
    ['no body of an app’s', () => context.client.payments.app.prepayWithInvocation(NOTHING)],
    ['no body of a refund', () => context.client.refunds.create(NOTHING)],
    ['null for a body of a refund', () => context.client.refunds.create(null as never)],
    ['no body of a partner’s', () => context.client.partner('1900009').refunds.create(NOTHING)],
    ['no number of a query', () => context.client.payments.native.queryByOutTradeNo(NOTHING)],
    ['no number of a close', () => context.client.payments.native.close(NOTHING)],
    ['no number of a refund', () => context.client.refunds.query(NOTHING)],
    ['a number for a header', () => context.http.get('/v3/x', header(5))],
    ['a list for a header', () => context.http.post('/v3/x', {}, header(['a', 'b']))],
    ['undefined for a header', () => context.http.get('/v3/x', header(undefined))],
    ['null for a header', () => context.http.get('/v3/x', header(null))],
    ['no path of a read', () => context.http.get(NOTHING)],
    ['no path of a write', () => context.http.post(NOTHING, {})],
    ['no path of a request', () => context.http.request({ method: 'GET' } as never)],
    ['no path of a download', () => context.http.stream(NOTHING)],
    ['a URL object for a download', () => context.http.stream(new URL('http://a/') as never)],
  ];

  it.each(calls)('(%s) are refused by a rejection, and nothing is sent', async (_, call) => {
    let promise: Promise<unknown> | undefined;
    expect(() => (promise = call())).not.toThrow();
    const error = await promise?.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(WechatPayRequestError);
    expect(error).toMatchObject({ code: 'REQUEST_INVALID', isResultUnknown: false });
    expect(platform.requests).toHaveLength(0);
  });
});
