import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { isSignedAsSent } from '../support/authorization.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import {
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
  type ReceivedRequest,
} from '../support/raw-platform.js';

const signer = publicKeySigner('platform');

describe('what a caller hands in', () => {
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
  beforeEach(() => {
    platform.requests.length = 0;
  });
  afterAll(async () => {
    await context.end();
    await platform.close();
  });

  const last = (): ReceivedRequest => {
    const [request] = platform.requests.slice(-1);
    if (!request) throw new Error('nothing was sent');
    return request;
  };
  const isSigned = (request: ReceivedRequest): boolean =>
    isSignedAsSent({ ...request, authorization: request.headers.authorization });

  it.each([
    ['../id/1', '..%2Fid%2F1'],
    ['x?mchid=9#', 'x%3Fmchid%3D9%23'],
    ['订单一', '%E8%AE%A2%E5%8D%95%E4%B8%80'],
    ['|*@', '%7C*%40'],
    ['a b+c', 'a%20b%2Bc'],
    ['%2e%2e', '%252e%252e'],
    ['...', '...'],
    ['a\\b', 'a%5Cb'],
    ['a\r\nHost: evil', 'a%0D%0AHost%3A%20evil'],
    ['$&', '%24%26'],
  ])(
    'sends the order number %j as one segment, encoded once, signed as sent',
    async (number, segment) => {
      await context.client.payments.native.queryByOutTradeNo(number);
      expect(last().target).toBe(
        `/v3/pay/transactions/out-trade-no/${segment}?mchid=${context.mchid}`,
      );
      expect(isSigned(last())).toBe(true);
    },
  );

  it.each(['../id/1', 'x?mchid=9#', '订单一', '|*@'])(
    'sends the number %j so in every operation that has one in its path',
    async (number) => {
      const { payments, refunds } = context.client;
      const partner = context.client.partner('1900000109');
      const products = [payments, partner.payments].flatMap(({ native, jsapi, h5, app }) => [
        native,
        jsapi,
        h5,
        app,
      ]);
      const calls = [
        ...products.flatMap((product) => [
          () => product.queryByOutTradeNo(number),
          () => product.queryById(number),
          () => product.close(number),
        ]),
        () => refunds.query(number),
        () => partner.refunds.query(number),
      ];
      for (const call of calls) {
        await call();
        const [path = ''] = last().target.split('?', 1);
        expect(path.split('/').filter((segment) => segment === encodeURIComponent(number))).toEqual(
          [encodeURIComponent(number)],
        );
        expect(isSigned(last())).toBe(true);
      }
      expect(platform.requests).toHaveLength(calls.length);
    },
  );

  it.each(['', '.', '..', '\ud800', 'a\udfffb'])(
    'refuses the order number %j before anything is sent',
    async (number) => {
      const { native } = context.client.payments;
      for (const call of [
        native.queryByOutTradeNo(number),
        native.queryById(number),
        native.close(number),
        context.client.refunds.query(number),
      ].map(rejection)) {
        await expect(call).resolves.toMatchObject({
          name: 'WechatPayRequestError',
          code: 'REQUEST_INVALID',
        });
      }
      expect(platform.requests).toHaveLength(0);
    },
  );

  it.each([
    'v3/x',
    '//evil.example/v3/x',
    'https://evil.example/v3/x',
    '/v3/../x',
    '/v3/./x',
    '/v3/%2e%2E/x',
    '/v3/.%2e',
    '/v3/x#f',
    '/v3\\x',
    '/\\evil.example',
    '',
    '/v3/\ud800',
  ])('refuses the path %j', async (path) => {
    await expect(rejection(context.http.get(path))).resolves.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect(platform.requests).toHaveLength(0);
  });

  it.each([
    ['/v3/名/x y', undefined, '/v3/%E5%90%8D/x%20y'],
    ['/v3/x%20y', undefined, '/v3/x%20y'],
    ['/v3/a|b', undefined, '/v3/a|b'],
    [
      '/v3/x?a=1',
      { b: '2&c=3', c: undefined, d: ['x', 'y'], e: 5, f: false },
      '/v3/x?a=1&b=2%26c%3D3&d=x&d=y&e=5&f=false',
    ],
    ['/v3/x', { '名&': '=#' }, '/v3/x?%E5%90%8D%26=%3D%23'],
    ['/v3/x\r\nX-Evil: 1', undefined, '/v3/x%0D%0AX-Evil:%201'],
  ])('sends the path %j as it was signed', async (path, query, target) => {
    await context.http.get(path, { query });
    expect(last().target).toBe(target);
    expect(last().headers['x-evil']).toBeUndefined();
    expect(isSigned(last())).toBe(true);
  });

  it.each([{ a: '中文 😀 \u2028', b: 1.0, c: [null, true] }, 'text', null, [], { n: '\ud800' }])(
    'signs the very bytes of the body %j',
    async (body) => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
        await context.http.request({ method, path: '/v3/x', body });
        expect(last().body.toString('utf8')).toBe(JSON.stringify(body));
        expect(last().headers['content-type']).toBe('application/json');
        expect(isSigned(last())).toBe(true);
      }
    },
  );

  it.each(['get', 'post', 'put', 'patch', 'delete'] as const)(
    '%s() sends the method of its name, signed',
    async (name) => {
      await context.http[name]('/v3/x');
      expect([last().method, last().target]).toEqual([name.toUpperCase(), '/v3/x']);
      expect(isSigned(last())).toBe(true);
    },
  );

  it('sends no body and no content type when there is none', async () => {
    for (const call of [
      () => context.http.post('/v3/x'),
      () => context.http.put('/v3/x'),
      () => context.http.patch('/v3/x'),
      () => context.http.delete('/v3/x'),
    ]) {
      await call();
      expect(last().body).toHaveLength(0);
      expect(last().headers['content-type']).toBeUndefined();
      expect(isSigned(last())).toBe(true);
    }
  });

  it('refuses a body that JSON cannot express', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const body of [circle, { a: 1n }, () => 1, Symbol('x')]) {
      await expect(rejection(context.http.post('/v3/x', body))).resolves.toMatchObject({
        code: 'REQUEST_INVALID',
      });
    }
    expect(platform.requests).toHaveLength(0);
  });

  it.each([
    'Authorization',
    'accept',
    'Accept-Encoding',
    'Content-Length',
    'content-type',
    'Host',
    'User-Agent',
    'Wechatpay-Serial',
    'Transfer-Encoding',
    'Connection',
    'Cookie',
    'Proxy-Authorization',
    'Expect',
    'Upgrade',
  ])('keeps the header %s to itself', async (name) => {
    await expect(
      rejection(context.http.get('/v3/x', { headers: { [name]: 'x' } })),
    ).resolves.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(platform.requests).toHaveLength(0);
  });

  it.each([
    ['X-A', 'a\r\nX-Evil: 1'],
    ['X-A', 'a\nb'],
    ['X-A', '名'],
    ['X-A', 'a'.repeat(1025)],
    ['X-A\r\nX-Evil', '1'],
    ['X A', '1'],
    ['', '1'],
  ])('refuses the header %j: %j', async (name, value) => {
    await expect(
      rejection(context.http.get('/v3/x', { headers: { [name]: value } })),
    ).resolves.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(platform.requests).toHaveLength(0);
  });

  it('sends other headers, and always its own', async () => {
    await context.http.get('/v3/x', { headers: { 'Accept-Language': 'en' } });
    expect(last().headers).toMatchObject({
      'accept-language': 'en',
      accept: 'application/json',
      'wechatpay-serial': signer.id,
      'user-agent': expect.stringMatching(/^nestjs-wechatpay\/\d/),
    });
  });

  it.each([0, -1, 600_001, Number.NaN, Infinity])(
    'refuses a timeout of %d ms',
    async (timeoutMs) => {
      await expect(rejection(context.http.get('/v3/x', { timeoutMs }))).resolves.toMatchObject({
        code: 'REQUEST_INVALID',
      });
      expect(platform.requests).toHaveLength(0);
    },
  );

  it('never uses a nonce twice', async () => {
    for (let count = 0; count < 5; count += 1) await context.http.get('/v3/x');
    const nonces = platform.requests.map(
      ({ headers }) => /nonce_str="([0-9A-F]{32})"/.exec(headers.authorization ?? '')?.[1],
    );
    expect(new Set(nonces).size).toBe(5);
    expect(nonces).not.toContain(undefined);
  });
});

describe('order numbers before the platform', () => {
  let emulator: WechatPayEmulator;
  let context: TestContext;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    context = merchantContext(emulator.options());
  });
  afterAll(async () => {
    await context.end();
    await emulator.close();
  });

  it.each(['../id/1', 'x?mchid=9#', '订单一号号', '|*@', 'a|b*c-d_e'])(
    'hold their signature: %j',
    async (number) => {
      const call = context.client.payments.native.queryByOutTradeNo(number);
      await expect(rejection(call)).resolves.toMatchObject({
        name: 'WechatPayApiError',
        platformCode: expect.stringMatching(/^(?:PARAM_ERROR|ORDER_NOT_EXIST)$/),
      });
    },
  );
});
