import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import {
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidOrder } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp, type Answer } from '../support/notify-app.js';

const A = '1900000001';
const B = '1900000002';
/** Has the APIv3 key of A. */
const TWIN = '1900000003';

interface ParametrisedRequest {
  readonly params: { readonly shop: string };
}

describe.each(COMBINATIONS)(
  'notifications of several merchants on %s with %s',
  (platform, mode) => {
    let emulator: WechatPayEmulator;
    let app: NotifyApp;
    const received: { merchant: string; mchid: string }[] = [];

    @Controller('wechatpay')
    class NotifyController {
      @Post('a/notify')
      @WechatPayNotify({ merchant: 'shop-a' })
      a(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }

      @Post('b/notify')
      @WechatPayNotify({ merchant: 'shop-b' })
      b(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }

      @Post('twin/notify')
      @WechatPayNotify({ merchant: 'twin' })
      twin(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }

      @Post('shops/:shop/notify')
      @WechatPayNotify({ merchant: (request: ParametrisedRequest) => request.params.shop })
      any(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }

      @Post('broken/notify')
      @WechatPayNotify({
        merchant: () => {
          throw new TypeError('secret detail');
        },
      })
      broken(): void {
        received.push({ merchant: 'broken', mchid: '' });
      }

      @Post('nobody/notify')
      @WechatPayNotify({ merchant: '1900000009' })
      nobody(): void {
        received.push({ merchant: 'nobody', mchid: '' });
      }
    }

    @Controller('wechatpay/whole')
    @WechatPayNotify({ merchant: 'shop-b' })
    class WholeController {
      @Post('b')
      b(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }

      @Post('a')
      @WechatPayNotify({ merchant: 'shop-a' })
      a(@WechatPayNotification() notification: { merchant: string; mchid: string }): void {
        received.push(notification);
      }
    }

    beforeAll(async () => {
      emulator = await WechatPayEmulator.start();
      await emulator.addMerchant({ mchid: B });
      await emulator.addMerchant({ mchid: TWIN, apiV3Key: emulator.apiV3Key });
      const options = (mchid: string): WechatPayOptions => emulator.options({ mchid });
      @Module({
        imports: [
          WechatPayModule.forRoot({ ...options(A), name: 'shop-a' }),
          WechatPayModule.forRoot({ ...options(B), name: 'shop-b' }),
          WechatPayModule.forRoot({ ...options(TWIN), name: 'twin' }),
        ],
        controllers: [NotifyController, WholeController],
      })
      class AppModule {}
      app = await NotifyApp.start(AppModule, { platform, rawBody: mode, path: '/wechatpay' });
    });

    beforeEach(() => {
      received.length = 0;
      app.logger.clear();
    });

    afterAll(async () => {
      await app.close();
      await emulator.close();
    });

    const send = (mchid: string, path: string): Promise<Answer> => {
      const { appid } = emulator.options({ mchid });
      const payload = paidOrder(emulator, { mchid, appid });
      const made = emulator.createNotification('TRANSACTION.SUCCESS', payload, { mchid });
      return app.post({ ...made, path: `/wechatpay/${path}` });
    };

    it.each([
      [A, 'a/notify', 'shop-a'],
      [B, 'b/notify', 'shop-b'],
      [TWIN, 'twin/notify', 'twin'],
      [A, 'shops/shop-a/notify', 'shop-a'],
      [B, 'shops/shop-b/notify', 'shop-b'],
      [B, 'whole/b', 'shop-b'],
      [A, 'whole/a', 'shop-a'],
    ])('hand that of %s at %s to %s', async (mchid, path, merchant) => {
      expect(await send(mchid, path)).toMatchObject({ status: 204 });
      expect(received).toMatchObject([{ merchant, mchid }]);
    });

    it.each([
      [A, 'b/notify'],
      [B, 'a/notify'],
      [B, 'twin/notify'],
      [A, 'shops/shop-b/notify'],
    ])('refuse that of %s at %s: it is sealed with another APIv3 key', async (mchid, path) => {
      const answer = await send(mchid, path);
      expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL', message: '处理失败' } });
      expect(app.logger.textOf('error')).toContain('APIv3密钥');
      expect(received).toEqual([]);
    });

    it.each([
      [A, 'twin/notify'],
      [TWIN, 'a/notify'],
      [TWIN, 'shops/shop-a/notify'],
    ])('refuse that of %s at %s: it opens, but is another merchant’s', async (mchid, path) => {
      const answer = await send(mchid, path);
      expect(answer).toMatchObject({ status: 401, json: { code: 'FAIL', message: '验签失败' } });
      expect(app.logger.textOf('error')).toContain('for another merchant');
      expect(received).toEqual([]);
    });

    it.each(['nobody', '__proto__', 'constructor', '%2e%2e', 'shop-a%00'])(
      'refuse one for the unknown merchant %s in the path',
      async (shop) => {
        const answer = await send(A, `shops/${shop}/notify`);
        expect(answer).toMatchObject({ status: 401, json: { code: 'FAIL', message: '验签失败' } });
        expect(app.logger.textOf('error')).toBe('');
        expect(received).toEqual([]);
      },
    );

    it.each([
      ['nobody/notify', '"shop-a", "shop-b", "twin"'],
      ['broken/notify', 'secret detail'],
    ])('fail at %s, and only the log says why, once a minute: %s', async (path, logged) => {
      for (const isSaid of [true, false]) {
        app.logger.clear();
        const answer = await send(A, path);
        expect(answer.status).toBe(500);
        expect(answer.json).toMatchObject({ code: 'FAIL' });
        expect(answer.text).not.toMatch(/shop-|twin|merchant|secret/);
        expect(app.logger.textOf('error').includes(logged)).toBe(isSaid);
        expect(received).toEqual([]);
      }
    });

    it('are opened for a service provider by its own number', async () => {
      const payload = { sp_mchid: A, sub_mchid: B, out_trade_no: 'order-0001' };
      const made = emulator.createNotification('TRANSACTION.SUCCESS', payload, { mchid: A });
      expect(await app.post({ ...made, path: '/wechatpay/a/notify' })).toMatchObject({
        status: 204,
      });
      expect(received).toMatchObject([{ mchid: A, payload: { sub_mchid: B } }]);
    });

    it('may name nobody where no money has moved', async () => {
      const made = emulator.createNotification('COUPON.USE', { stock_id: '1' }, { mchid: A });
      expect(await app.post({ ...made, path: '/wechatpay/a/notify' })).toMatchObject({
        status: 204,
      });
      expect(received).toMatchObject([{ eventType: 'COUPON.USE', payload: { stock_id: '1' } }]);
    });
  },
);
