import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import {
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayNotification,
  WechatPayNotify,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidOrder } from '../support/notifications.js';
import { NotifyApp, type Answer, type PlatformName } from '../support/notify-app.js';

const A = '1900000001';
const B = '1900000002';

describe.each(['express', 'fastify'] as PlatformName[])(
  'a notification of a merchant that is not loaded, on %s',
  (platform) => {
    let emulator: WechatPayEmulator;
    let app: NotifyApp;
    let merchants: WechatPayMerchants;
    const received: string[] = [];
    const find = async (mchid: string): Promise<WechatPayOptions | undefined> =>
      mchid === A || mchid === B ? emulator.options({ mchid }) : undefined;
    const load = (): Promise<never> => Promise.reject(new Error('not needed'));
    const resolve = jest.fn(find);

    @Controller('wechatpay')
    class NotifyController {
      @Post(':mchid/notify')
      @WechatPayNotify({
        merchant: (request: { params: { mchid: string } }) => request.params.mchid,
      })
      any(@WechatPayNotification() notification: { mchid: string }): void {
        received.push(notification.mchid);
      }
    }
    @Module({
      imports: [WechatPayMerchantsModule.forRoot({ resolve, maxLoaded: 2 })],
      controllers: [NotifyController],
    })
    class AppModule {}

    beforeAll(async () => {
      emulator = await WechatPayEmulator.start();
      await emulator.addMerchant({ mchid: B });
      app = await NotifyApp.start(AppModule, {
        platform,
        rawBody: 'helper',
        path: '/wechatpay',
      });
      merchants = app.app.get(WechatPayMerchants, { strict: false });
    });
    beforeEach(() => {
      received.length = 0;
      resolve.mockClear();
      for (const name of merchants.names) merchants.remove(name);
    });
    afterAll(async () => {
      await app.app.close();
      await emulator.close();
    });

    const post = (mchid: string, overrides: object = {}, path = mchid): Promise<Answer> =>
      app.post({
        ...emulator.createNotification('TRANSACTION.SUCCESS', paidOrder(emulator, { mchid }), {
          mchid,
          ...overrides,
        } as never),
        path: `/wechatpay/${path}/notify`,
      });

    it('loads it, once, and is handled', async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => post(B)));
      expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204, 204]);
      expect(received).toEqual([B, B, B, B, B]);
      expect(resolve).toHaveBeenCalledTimes(1);
    });

    it.each([
      ['unsigned', { headers: { 'wechatpay-signature': undefined } }],
      ['stale', { timestamp: String(Math.floor(Date.now() / 1000) - 400) }],
      ['with a malformed serial', { serial: 'not a serial' }],
    ])('loads nobody when it is %s', async (_, overrides) => {
      expect((await post(B, overrides)).status).toBe(401);
      expect(resolve).not.toHaveBeenCalled();
      expect(merchants.names).toEqual([]);
    });

    it('is refused when there is no such merchant, who is looked for once', async () => {
      for (const path of ['1900000008', '1900000008', '1900000008']) {
        expect((await post(B, {}, path)).status).toBe(401);
      }
      expect(resolve).toHaveBeenCalledTimes(1);
    });

    it('looks for nobody by a name that is no mchid', async () => {
      for (const path of ['__proto__', 'constructor', '..%2Fx', 'x'.repeat(100)]) {
        expect((await post(B, {}, path)).status).toBe(401);
      }
      expect(resolve).not.toHaveBeenCalled();
    });

    it('is our fault, and comes again, when resolving fails', async () => {
      resolve.mockRejectedValueOnce(new Error('the database password is hunter2'));
      merchants.remove(A);
      const answer = await post(A);
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain('hunter2');
    });

    it('comes again when the merchant is not found in time, and finds it then', async () => {
      let found: ((options: WechatPayOptions) => void) | undefined;
      resolve.mockImplementationOnce(() => new Promise((done) => (found = done)));
      const begun = performance.now();
      const answers = await Promise.all([post(B), post(B)]);
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
      expect(performance.now() - begun).toBeLessThan(4_000); // the platform waits for five seconds
      found?.(emulator.options({ mchid: B }));
      expect((await post(B)).status).toBe(204);
      expect(resolve).toHaveBeenCalledTimes(1);
    });

    it('comes again when too many merchants are looked for', async () => {
      const found: (() => void)[] = [];
      resolve.mockImplementation(() => new Promise((done) => found.push(() => done(undefined))));
      const others = Array.from({ length: 256 }, (_, index) =>
        merchants.get(String(1_700_000_000 + index)).catch(() => undefined),
      );
      expect((await post(B)).status).toBe(503);
      resolve.mockImplementation(find);
      for (const done of found) done();
      await Promise.all(others);
      expect((await post(B)).status).toBe(204);
    });

    it('counts as use of its merchant once it has proved itself, and not before', async () => {
      const third = '1900000003';
      resolve.mockImplementation(async (mchid) =>
        mchid === third
          ? { ...emulator.options({ mchid: B }), mchid, credential: { load } }
          : find(mchid),
      );
      for (const isGenuine of [false, true]) {
        for (const mchid of [A, B]) await merchants.get(mchid);
        const unproved = [
          { headers: { 'wechatpay-signature': undefined } },
          { timestamp: String(Math.floor(Date.now() / 1000) - 400) },
          { headers: { 'wechatpay-signature': 'AAAA' } },
        ];
        for (const overrides of unproved) expect((await post(A, overrides)).status).toBe(401);
        if (isGenuine) expect((await post(A)).status).toBe(204);
        await merchants.get(third);
        expect(merchants.names).toEqual([isGenuine ? A : B, third]);
        for (const name of merchants.names) merchants.remove(name);
      }
      resolve.mockImplementation(find);
    });

    it('looks for a bounded number of merchants that strangers make up', async () => {
      const paths = Array.from({ length: 800 }, (_, index) => String(1_800_000_000 + index));
      const answers = await Promise.all(paths.map((path) => post(B, {}, path)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 503]));
      expect(resolve.mock.calls.length).toBeLessThanOrEqual(600);
    });
  },
);
