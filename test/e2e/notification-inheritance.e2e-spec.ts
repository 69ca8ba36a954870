import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, HttpCode, Module, Post, UseGuards } from '@nestjs/common';
import {
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
  WechatPayNotifyGuard,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidOrder } from '../support/notifications.js';
import { NotifyApp, type Answer } from '../support/notify-app.js';

const A = '1900000001';
const B = '1900000002';

describe('routes that share code', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;
  const received: string[] = [];

  class SharedController {
    @Post('notify')
    handle(@WechatPayNotification() notification: { merchant: string }): void {
      received.push(notification.merchant);
    }
  }

  @Controller('wechatpay/a')
  @WechatPayNotify({ merchant: 'default' })
  class AController extends SharedController {}

  @Controller('wechatpay/b')
  @WechatPayNotify({ merchant: 'shop-b' })
  class BController extends SharedController {}

  @Controller('wechatpay/bare')
  class BareController {
    @Post('notify')
    @HttpCode(204)
    @UseGuards(WechatPayNotifyGuard)
    handle(@WechatPayNotification() notification: { merchant: string }): void {
      received.push(notification.merchant);
    }
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: B });
    @Module({
      imports: [
        WechatPayModule.forRoot(emulator.options({ mchid: A })),
        WechatPayModule.forRoot({ ...emulator.options({ mchid: B }), name: 'shop-b' }),
      ],
      controllers: [AController, BController, BareController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
  });

  beforeEach(() => {
    received.length = 0;
  });

  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  const send = (mchid: string, path: string): Promise<Answer> => {
    const { appid } = emulator.options({ mchid });
    const payload = paidOrder(emulator, { mchid, appid });
    const made = emulator.createNotification('TRANSACTION.SUCCESS', payload, { mchid });
    return app.post({ ...made, path: `/wechatpay/${path}/notify` });
  };

  it('keep their own merchants when two controllers inherit one method, in any order', async () => {
    for (const [mchid, path, merchant] of [
      [A, 'a', 'default'],
      [B, 'b', 'shop-b'],
      [A, 'a', 'default'],
      [B, 'b', 'shop-b'],
    ] as const) {
      expect((await send(mchid, path)).status).toBe(204);
      expect(received.pop()).toBe(merchant);
      expect((await send(mchid, path === 'a' ? 'b' : 'a')).status).toBe(500);
      expect(received).toEqual([]);
    }
  });

  it('take the default merchant when the guard is used alone', async () => {
    expect((await send(A, 'bare')).status).toBe(204);
    expect(received).toEqual(['default']);
    expect((await send(B, 'bare')).status).toBe(500);
  });
});
