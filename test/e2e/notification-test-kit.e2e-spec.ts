import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { OnWechatPayNotification, WechatPayModule, WechatPayNotification } from 'nestjs-wechatpay';
import {
  createTestNotification,
  EMULATOR_MCHID,
  testNotificationOptions,
  WechatPayEmulator,
  type EmulatorNotificationOverrides,
} from 'nestjs-wechatpay-emulator';
import { NotifyApp, type Answer, type PlatformName } from '../support/notify-app.js';

const PLATFORMS: readonly PlatformName[] = ['express', 'fastify'];
const PATH = '/wechatpay/notify';
const handled: WechatPayNotification<string>[] = [];

@Injectable()
class Handlers {
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  paid(notification: WechatPayNotification<'TRANSACTION.SUCCESS'>): void {
    handled.push(notification as never);
  }

  @OnWechatPayNotification('*')
  any(notification: WechatPayNotification<string>): void {
    handled.push(notification);
  }
}

/** A shop as a unit test has it: nothing but itself runs. */
async function startShop(options: object, platform: PlatformName = 'express'): Promise<NotifyApp> {
  @Module({
    imports: [
      WechatPayModule.forRoot({
        ...(await testNotificationOptions(options)),
        notification: { path: PATH },
      }),
    ],
    providers: [Handlers],
  })
  class AppModule {}
  return NotifyApp.start(AppModule, { platform, rawBody: 'rawBody' });
}

describe('a notification made without a platform', () => {
  let app: NotifyApp | undefined;

  beforeEach(() => {
    handled.length = 0;
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  async function send(
    event: string,
    payload: object = {},
    overrides: EmulatorNotificationOverrides = {},
  ): Promise<Answer> {
    const sent = await createTestNotification(event, payload, overrides);
    if (!app) throw new TypeError('no shop');
    return app.post({ ...sent, path: PATH });
  }

  describe.each(PLATFORMS)('for a shop on %s', (platform) => {
    beforeEach(async () => {
      app = await startShop({}, platform);
    });

    it('is a whole payment around the fields that matter to the test', async () => {
      const payload = { out_trade_no: 'A-1', amount: { total: 250 } };
      expect(await send('TRANSACTION.SUCCESS', payload)).toMatchObject({ status: 204 });
      expect(handled).toHaveLength(1);
      expect(handled[0]).toMatchObject({
        eventType: 'TRANSACTION.SUCCESS',
        originalType: 'transaction',
        payload: {
          mchid: EMULATOR_MCHID,
          appid: 'wxemulator00000001',
          out_trade_no: 'A-1',
          transaction_id: expect.stringMatching(/^4200\d{24}$/),
          trade_type: 'JSAPI',
          trade_state: 'SUCCESS',
          success_time: expect.stringMatching(/\+08:00$/),
          payer: { openid: expect.any(String) },
          amount: { total: 250, payer_total: 250, currency: 'CNY', payer_currency: 'CNY' },
        },
      });
    });

    it.each(['public-key', 'certificate'])('is accepted when the %s signs it', async (signer) => {
      expect(await send('TRANSACTION.SUCCESS', {}, { signer })).toMatchObject({ status: 204 });
      expect(handled).toHaveLength(1);
    });

    it('carries what the test wants otherwise', async () => {
      await send(
        'TRANSACTION.SUCCESS',
        {},
        { id: 'n-1', createTime: '2020-01-01T00:00:00+08:00', summary: '支付', associatedData: '' },
      );
      const [first] = handled;
      expect(first).toMatchObject({ id: 'n-1', summary: '支付' });
      expect(first?.createTime).toBe('2020-01-01T00:00:00+08:00');
    });

    it.each<[string, EmulatorNotificationOverrides, number]>([
      ['too old', { timestamp: Math.floor(Date.now() / 1000) - 600 }, 401],
      ['without a nonce', { nonce: '' }, 401],
      ['signed by an unknown public key', { serial: 'PUB_KEY_ID_0000000000000000000001' }, 401],
      ['wrongly signed', { signature: 'A'.repeat(344) }, 401],
      ['a probe', { signature: 'WECHATPAY/SIGNTEST/AAAA' }, 401],
      [
        'changed on its way',
        { mutateBody: (body) => Buffer.concat([body, Buffer.from(' ')]) },
        401,
      ],
      ['signed by a stranger', { signingKey: strangeKey() }, 401],
      ['sealed with another APIv3 key', { apiV3Key: 'x'.repeat(32) }, 500],
    ])('is refused when it is %s', async (_, overrides, status) => {
      expect((await send('TRANSACTION.SUCCESS', {}, overrides)).status).toBe(status);
      expect(handled).toEqual([]);
    });

    it('is refused when it is another merchant’s', async () => {
      const mchid = '1900000077';
      expect((await send('TRANSACTION.SUCCESS', { mchid })).status).toBe(401);
      expect((await send('TRANSACTION.SUCCESS', {}, { mchid })).status).toBe(500);
      expect(handled).toEqual([]);
    });
  });

  it.each([
    ['SUCCESS', { amount: { total: 300, refund: 200 } }, [300, 200, 300, 200]],
    ['ABNORMAL', { amount: { refund: 200 } }, [200, 200, 200, 200]],
    ['CLOSED', {}, [100, 100, 100, 100]],
  ])('is a whole refund that ended in %s', async (status, payload, [total, refund, ...payer]) => {
    app = await startShop({});
    const given = { out_refund_no: 'R-1', ...payload };
    expect((await send(`REFUND.${status}`, given)).status).toBe(204);
    const [payer_total, payer_refund] = payer;
    expect(handled[0]).toMatchObject({
      originalType: 'refund',
      payload: {
        mchid: EMULATOR_MCHID,
        out_refund_no: 'R-1',
        refund_status: status,
        out_trade_no: expect.any(String),
        transaction_id: expect.any(String),
        amount: { total, refund, payer_total, payer_refund },
      },
    });
    expect('success_time' in (handled[0]?.payload ?? {})).toBe(status === 'SUCCESS');
  });

  it('is a service provider’s when it names a sub-merchant', async () => {
    app = await startShop({});
    const sub_mchid = '1900000109';
    expect((await send('TRANSACTION.SUCCESS', { sub_mchid })).status).toBe(204);
    expect((await send('REFUND.SUCCESS', { sub_mchid })).status).toBe(204);
    for (const { payload } of handled) {
      expect(payload).toMatchObject({ sp_mchid: EMULATOR_MCHID, sub_mchid });
      expect(payload).not.toHaveProperty('mchid');
    }
    expect(handled[0]?.payload).toMatchObject({
      sp_appid: 'wxemulator00000001',
      payer: { sp_openid: expect.any(String) },
    });
  });

  it('is a share of a payment, a combined payment, or any other event as it is given', async () => {
    app = await startShop({});
    const shared = { receiver: { amount: 7 } };
    expect((await send('TRANSACTION.SUCCESS/profitsharing', shared)).status).toBe(204);
    expect(handled[0]).toMatchObject({
      originalType: 'profitsharing',
      payload: { receiver: { type: 'MERCHANT_ID', account: EMULATOR_MCHID, amount: 7 } },
    });
    const overrides = { originalType: 'profitsharing' };
    expect((await send('TRANSACTION.SUCCESS', shared, overrides)).status).toBe(204);
    expect(handled.pop()).toMatchObject({
      payload: { receiver: { amount: 7, description: '分账' } },
    });
    const combined = { combine_out_trade_no: 'C-1', sub_orders: [] };
    expect((await send('TRANSACTION.SUCCESS', combined)).status).toBe(204);
    expect(handled[1]?.payload).toEqual({
      ...combined,
      combine_appid: 'wxemulator00000001',
      combine_mchid: EMULATOR_MCHID,
      combine_payer_info: { openid: expect.any(String) },
    });
    expect((await send('COUPON.USE', { coupon_id: '1' })).status).toBe(204);
    expect(handled[2]?.payload).toEqual({ coupon_id: '1' });
  });

  it('leaves out what is undefined, and replaces lists and values as they are', async () => {
    app = await startShop({});
    await send('TRANSACTION.SUCCESS', { payer: undefined, scene_info: { device_id: '7' } });
    expect(handled[0]?.payload).not.toHaveProperty('payer');
    expect(handled[0]?.payload).toMatchObject({ scene_info: { device_id: '7' } });
  });

  it('has numbers of its own, so that two are two events', async () => {
    app = await startShop({});
    await Promise.all([send('TRANSACTION.SUCCESS'), send('TRANSACTION.SUCCESS')]);
    expect(handled).toHaveLength(2);
  });

  it('is made for any merchant, by as many at once as there are', async () => {
    const mchid = '1900000078';
    const [options] = await Promise.all([
      testNotificationOptions({ mchid }),
      testNotificationOptions({ mchid }),
      createTestNotification('TRANSACTION.SUCCESS', {}, { mchid }),
    ]);
    expect(options.mchid).toBe(mchid);
    app = await startShop({ mchid });
    expect((await send('TRANSACTION.SUCCESS', {}, { mchid })).status).toBe(204);
    expect(handled[0]?.payload).toMatchObject({ mchid });
    await expect(testNotificationOptions({ mchid: '../etc' })).rejects.toThrow(
      'mchid must be 8 to 32 digits',
    );
  });

  it('is accepted by an application with the options of an emulator', async () => {
    const emulator = await WechatPayEmulator.start();
    try {
      app = await startShop(emulator.options());
      expect((await send('TRANSACTION.SUCCESS')).status).toBe(204);
    } finally {
      await emulator.close();
    }
  });

  it('is signed at the time that a test pretends it is', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick'], now: Date.parse('2031-05-06T07:08:09Z') });
    try {
      const { headers, body } = await createTestNotification('TRANSACTION.SUCCESS');
      expect(headers['wechatpay-timestamp']).toBe(String(Date.now() / 1000));
      expect(JSON.parse(body.toString())).toMatchObject({
        create_time: '2031-05-06T15:08:09+08:00',
      });
    } finally {
      jest.useRealTimers();
    }
  });

  it.each<[string, unknown]>([
    ['', {}],
    ['TRANSACTION SUCCESS', {}],
    ['TRANSACTION.SUCCESS/', {}],
    ['TRANSACTION.SUCCESS', []],
    ['TRANSACTION.SUCCESS', null],
  ])('is not made of %j and %j', async (event, payload) => {
    await expect(createTestNotification(event, payload as object)).rejects.toThrow(TypeError);
  });

  it('can be made again after its keys could not be written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wechatpay-kit-'));
    const before = process.env['XDG_CACHE_HOME'];
    process.env['XDG_CACHE_HOME'] = join(folder, 'file');
    await writeFile(join(folder, 'file'), '');
    try {
      await expect(createTestNotification('TRANSACTION.SUCCESS')).rejects.toMatchObject({
        code: 'ENOTDIR',
      });
      await rm(join(folder, 'file'));
      await expect(createTestNotification('TRANSACTION.SUCCESS')).resolves.toBeDefined();
    } finally {
      if (before === undefined) delete process.env['XDG_CACHE_HOME'];
      else process.env['XDG_CACHE_HOME'] = before;
      await rm(folder, { recursive: true });
    }
  });
});

function strangeKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
