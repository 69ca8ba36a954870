import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  useWechatPayRawBody,
  WechatPayClient,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';

describe('a payment from order to notification', () => {
  let emulator: WechatPayEmulator;
  let app: INestApplication;
  const received: WechatPayNotification[] = [];

  @Controller('wechatpay')
  class NotifyController {
    @Post('notify')
    @WechatPayNotify()
    handle(@WechatPayNotification() notification: unknown): void {
      received.push(notification as WechatPayNotification);
    }
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ port: 0 });
    @Module({
      imports: [
        WechatPayModule.forRoot(
          emulator.options({ notifyUrl: 'http://127.0.0.1:1/wechatpay/notify' }),
        ),
      ],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
    useWechatPayRawBody(app, { path: '/wechatpay/notify' });
    await app.listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  it('is created, paid, notified, queried, refunded', async () => {
    const url = await app.getUrl();
    const client = app.get(WechatPayClient);
    const { code_url } = await client.payments.native.prepay({
      description: 'tea',
      out_trade_no: 'order-0001',
      amount: { total: 100 },
      notify_url: `${url}/wechatpay/notify`,
    });
    expect(code_url).toMatch(/^weixin:/);
    await emulator.pay({ outTradeNo: 'order-0001' } as never);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(received).toHaveLength(1);
    expect(received[0]?.payload.out_trade_no).toBe('order-0001');
  });
});
