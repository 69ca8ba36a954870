import { constants, privateDecrypt, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { WechatPayOptions } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
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
  certificateList,
  certificateSigner,
} from '../support/raw-platform.js';
import { rsaKey } from '../support/x509.js';

const NOTIFY_URL = 'http://127.0.0.1:9/notify';
const SUB = '1900000999';
let count = 0;
const order = (): { description: string; out_trade_no: string; amount: { total: number } } => ({
  description: 'tea',
  out_trade_no: `partner-${process.pid}-${(count += 1)}`,
  amount: { total: 100 },
});
const payer = { sp_openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' };

describe('a service provider before the platform', () => {
  let emulator: WechatPayEmulator;
  let context: TestContext;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    context = merchantContext(emulator.options({ notifyUrl: NOTIFY_URL }));
  });
  afterAll(async () => {
    await emulator.close();
    await context.end();
  });

  it('places, queries and closes orders of a sub-merchant with every product', async () => {
    const { payments } = context.client.partner(SUB);
    const scene_info = { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } };
    const placed = [
      [payments.native, (body: object) => payments.native.prepay(body as never)],
      [payments.app, (body: object) => payments.app.prepay(body as never)],
      [payments.h5, (body: object) => payments.h5.prepay({ ...body, scene_info } as never)],
      [payments.jsapi, (body: object) => payments.jsapi.prepay({ ...body, payer } as never)],
    ] as const;
    for (const [product, prepay] of placed) {
      const body = order();
      await prepay(body);
      await expect(product.queryByOutTradeNo(body.out_trade_no)).resolves.toMatchObject({
        sp_mchid: emulator.mchid,
        sub_mchid: SUB,
        sp_appid: emulator.appid,
      });
      await product.close(body.out_trade_no);
      await expect(product.queryByOutTradeNo(body.out_trade_no)).resolves.toMatchObject({
        trade_state: 'CLOSED',
      });
    }
  });

  it('refunds for a sub-merchant, and keeps sub-merchants apart', async () => {
    const partner = context.client.partner(SUB);
    const body = order();
    await partner.payments.native.prepay(body);
    emulator.pay(body.out_trade_no);
    const out_refund_no = `${body.out_trade_no}-r`;
    await partner.refunds.create({
      out_trade_no: body.out_trade_no,
      out_refund_no,
      amount: { refund: 1, total: 100, currency: 'CNY' },
    });
    await expect(partner.refunds.query(out_refund_no)).resolves.toMatchObject({ out_refund_no });
    for (const client of [context.client, context.client.partner('1900000998')]) {
      await expect(rejection(client.refunds.query(out_refund_no))).resolves.toMatchObject({
        status: 404,
      });
    }
  });

  it.each(['', '12345', '1'.repeat(33), '19000009a9', '../1'])(
    'refuses %j as a sub-merchant',
    (subMchid) => {
      expect(() => context.client.partner(subMchid)).toThrow(
        expect.objectContaining({ code: 'REQUEST_INVALID' }),
      );
    },
  );

  it.each([
    [{ payer }, 'sp'],
    [{ payer: { sub_openid: 'oSub' }, sub_appid: 'wxsub00000000001' }, 'sub'],
    [{ payer, sub_appid: 'wxsub00000000001' }, 'sp'],
  ] as const)(
    'signs a JSAPI invocation with the appid that owns the openid: %j',
    async (more, owner) => {
      const { invocation } = await context.client
        .partner(SUB)
        .payments.jsapi.prepayWithInvocation({ ...order(), ...more } as never);
      expect(invocation.appId).toBe(owner === 'sp' ? emulator.appid : 'wxsub00000000001');
    },
  );

  it('puts its own number into an APP invocation, or another when told', async () => {
    const { app } = context.client.partner(SUB).payments;
    const own = await app.prepayWithInvocation({
      ...order(),
      sub_appid: 'wxsub00000000001',
    } as never);
    expect(own.invocation).toMatchObject({ partnerid: emulator.mchid, appid: 'wxsub00000000001' });
    const other = await app.prepayWithInvocation(order(), { partnerId: SUB });
    expect(other.invocation).toMatchObject({ partnerid: SUB, appid: emulator.appid });
  });
});

describe('what is filled in', () => {
  let platform: RawPlatform;
  const contexts: TestContext[] = [];
  const signer = publicKeySigner('platform');

  beforeAll(async () => {
    platform = await RawPlatform.start(() => ({
      body: '{"prepay_id":"wx1","code_url":"weixin://1"}',
      signer,
    }));
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((each) => each.end()));
  });
  afterAll(() => platform.close());

  const connect = (overrides: Partial<WechatPayOptions> = {}): TestContext => {
    const made = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        ...overrides,
      }),
    );
    contexts.push(made);
    return made;
  };
  const sent = (): Record<string, unknown> =>
    JSON.parse(platform.requests.at(-1)?.body.toString() ?? '') as Record<string, unknown>;

  it('is what the options know, and what the body says wins', async () => {
    const { client, mchid } = connect();
    await client.payments.native.prepay(order());
    expect(sent()).toMatchObject({
      mchid,
      appid: 'wxtest0000000001',
      notify_url: 'https://shop.example/notify',
    });
    await client.payments.native.prepay({
      ...order(),
      appid: 'wxother',
      notify_url: 'https://a.example/b',
    });
    expect(sent()).toMatchObject({ mchid, appid: 'wxother', notify_url: 'https://a.example/b' });
    await client.payments.native.prepay({
      ...order(),
      appid: undefined,
      mchid: undefined,
      notify_url: undefined,
    } as never);
    expect(sent()).toMatchObject({
      mchid,
      appid: 'wxtest0000000001',
      notify_url: 'https://shop.example/notify',
    });
    const partner = client.partner(SUB);
    await partner.payments.native.prepay({ ...order(), sub_mchid: undefined } as never);
    expect(sent()).toMatchObject({ sp_mchid: mchid, sub_mchid: SUB, sp_appid: 'wxtest0000000001' });
    await partner.refunds.create({
      out_refund_no: '1',
      amount: { refund: 1, total: 1, currency: 'CNY' },
      notify_url: undefined,
      sub_mchid: undefined,
    } as never);
    expect(sent()).toMatchObject({ sub_mchid: SUB, notify_url: 'https://shop.example/notify' });
  });

  it.each(['native', 'jsapi', 'app', 'h5'] as const)(
    'is who asks, in queries by either number: %s',
    async (product) => {
      const { client, mchid } = connect();
      const target = (): string | undefined => platform.requests.at(-1)?.target;
      const ways = [
        [client, '/v3/pay/transactions', `mchid=${mchid}`],
        [client.partner(SUB), '/v3/pay/partner/transactions', `sp_mchid=${mchid}&sub_mchid=${SUB}`],
      ] as const;
      for (const [asked, path, query] of ways) {
        await asked.payments[product].queryById('4200000001');
        expect(target()).toBe(`${path}/id/4200000001?${query}`);
        await asked.payments[product].queryByOutTradeNo('order-1');
        expect(target()).toBe(`${path}/out-trade-no/order-1?${query}`);
      }
    },
  );

  it('is the named appid of several, the one called default, or an error that lists them', async () => {
    const named = connect({ appid: { mp: 'wxmp', app: 'wxapp' } }).client;
    await named.payments.native.prepay(order(), { appid: 'app' });
    expect(sent()['appid']).toBe('wxapp');
    await expect(
      rejection(Promise.resolve().then(() => named.payments.native.prepay(order()))),
    ).resolves.toMatchObject({ message: expect.stringContaining('mp, app') });
    for (const appid of ['nobody', '__proto__', 'constructor']) {
      await expect(
        rejection(Promise.resolve().then(() => named.payments.native.prepay(order(), { appid }))),
      ).resolves.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    const withDefault = connect({ appid: { default: 'wxdefault', app: 'wxapp' } }).client;
    await withDefault.payments.native.prepay(order());
    expect(sent()['appid']).toBe('wxdefault');
    await connect({ appid: { only: 'wxonly' } }).client.payments.native.prepay(order());
    expect(sent()['appid']).toBe('wxonly');
  });

  it('signs an invocation for an appid named as in the options too', async () => {
    const { jsapi, app } = connect({ appid: { mp: 'wxmp', app: 'wxapp' } }).client.payments;
    await expect(jsapi.invocation('wx1', { appid: 'mp' })).resolves.toMatchObject({
      appId: 'wxmp',
    });
    await expect(jsapi.invocation('wx1', { appid: 'wxmp' })).resolves.toMatchObject({
      appId: 'wxmp',
    });
    await expect(app.invocation('wx1', { appid: 'app' })).resolves.toMatchObject({
      appid: 'wxapp',
    });
    const placed = await app.prepayWithInvocation(order(), { appid: 'app' });
    expect(placed.invocation.appid).toBe('wxapp');
    await expect(rejection(jsapi.invocation('wx1'))).resolves.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  it('names the option that is missing', async () => {
    const { client } = connect({ appid: undefined, notifyUrl: undefined });
    const call = (body: object) =>
      rejection(Promise.resolve().then(() => client.payments.native.prepay(body as never)));
    await expect(call(order())).resolves.toMatchObject({
      message: expect.stringContaining('WECHATPAY_APPID'),
    });
    await expect(call({ ...order(), appid: 'wx1' })).resolves.toMatchObject({
      message: expect.stringContaining('WECHATPAY_NOTIFY_URL'),
    });
  });

  it('leaves the caller’s body as it was', async () => {
    const body = Object.freeze({
      ...order(),
      payer: Object.freeze({
        openid: 'o',
        identity: Object.freeze({ type: 'IDCARD', name: '张三', number: '11010119900307001X' }),
      }),
    });
    const before = JSON.stringify(body);
    await connect().client.payments.jsapi.prepay(body as never);
    expect(JSON.stringify(body)).toBe(before);
  });

  it('encrypts names and numbers for the key that the request names, and never sends them in the clear', async () => {
    const identity = { type: 'IDCARD', name: '张三', number: '11010119900307001X' };
    await connect().client.payments.jsapi.prepay({
      ...order(),
      payer: { openid: 'o', identity },
    } as never);
    const [request] = platform.requests.slice(-1);
    const text = request?.body.toString() ?? '';
    expect(text).not.toContain(identity.name);
    expect(text).not.toContain(JSON.stringify(identity.name).slice(1, -1));
    expect(text).not.toContain(identity.number);
    expect(request?.headers['wechatpay-serial']).toBe(signer.id);
    const { payer: sentPayer } = sent() as { payer: { identity: Record<string, string> } };
    const open = (value = ''): string =>
      privateDecrypt(
        {
          key: rsaKey('platform').privateKey,
          padding: constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: 'sha1',
        },
        Buffer.from(value, 'base64'),
      ).toString();
    expect(open(sentPayer.identity['name'])).toBe(identity.name);
    expect(open(sentPayer.identity['number'])).toBe(identity.number);
    expect(sentPayer.identity['type']).toBe('IDCARD');
  });

  it('encrypts at most 214 bytes, and says which field is too long', async () => {
    const { client } = connect();
    const prepay = (name: string) =>
      client.payments.jsapi.prepay({
        ...order(),
        payer: { openid: 'o', identity: { type: 'IDCARD', name, number: '1' } },
      } as never);
    await prepay('a'.repeat(214));
    await prepay('名'.repeat(71));
    const before = platform.requests.length;
    for (const name of ['a'.repeat(215), '名'.repeat(72)]) {
      const error = await rejection(prepay(name));
      expect(error).toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('payer.identity.name'),
      });
      expect(error.message).not.toContain(name.slice(0, 3));
    }
    expect(platform.requests).toHaveLength(before);
  });

  it('encrypts with the newest valid certificate that is still listed', async () => {
    const day = 86_400_000;
    const older = certificateSigner('older', {
      serial: '0E01',
      notBefore: new Date(Date.now() - 9 * day),
    });
    const newer = certificateSigner('newer', {
      serial: '0E02',
      notBefore: new Date(Date.now() - day),
    });
    const future = certificateSigner('future', {
      serial: '0E03',
      notBefore: new Date(Date.now() + day),
    });
    const raw = await RawPlatform.start(({ target }) => ({
      body:
        target === '/v3/certificates'
          ? certificateList('testOnly0123456789abcdefghijklmn', [newer, older, future])
          : '{"prepay_id":"wx1"}',
      signer: older,
    }));
    const context = merchantContext(testOptions({ baseUrl: raw.url }));
    contexts.push(context);
    await context.client.payments.jsapi.prepay({
      ...order(),
      payer: { openid: 'o', identity: { type: 'IDCARD', name: 'A', number: '1' } },
    } as never);
    const [request] = raw.requests.slice(-1);
    expect(request?.headers['wechatpay-serial']).toBe('0E02');
    const body = JSON.parse(request?.body.toString() ?? '') as {
      payer: { identity: { name: string } };
    };
    expect(
      privateDecrypt(
        { key: newer.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
        Buffer.from(body.payer.identity.name, 'base64'),
      ).toString(),
    ).toBe('A');
    await raw.close();
  });
});

describe.each(['certificates', 'public-key', 'both'] as const)(
  'a payer’s identity before the platform in mode %s',
  (mode) => {
    it('is opened by the key that the request names', async () => {
      const emulator = await WechatPayEmulator.start({ mode });
      const context = merchantContext(emulator.options({ notifyUrl: NOTIFY_URL }));
      const body = {
        ...order(),
        payer: {
          openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
          identity: { type: 'IDCARD', name: '张三', number: '11010119900307001X' },
        },
      };
      await expect(context.client.payments.jsapi.prepay(body as never)).resolves.toMatchObject({
        prepay_id: expect.any(String),
      });
      // the platform sees the same person in a repetition though every ciphertext differs
      await expect(context.client.payments.jsapi.prepay(body as never)).resolves.toBeDefined();
      const serial = new X509Certificate(
        await readFile(join(dirname(emulator.platformCertificate.path), 'certificate.pem')),
      ).serialNumber;
      expect(
        context.certificates.keyRing.find(
          mode === 'public-key' ? emulator.publicKey.id : serial,
          Date.now(),
        ) === undefined,
      ).toBe(mode === 'both');
      await context.end();
      await emulator.close();
    });
  },
);
