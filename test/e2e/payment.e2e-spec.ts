import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import {
  WechatPayClient,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { COMBINATIONS, NotifyApp } from '../support/notify-app.js';

describe.each(COMBINATIONS)('a payment from order to refund on %s with %s', (platform, mode) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;
  let client: WechatPayClient;
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
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options())],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody: mode });
    client = app.app.get(WechatPayClient);
  });

  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  const order = (outTradeNo: string) => ({
    description: 'tea',
    out_trade_no: outTradeNo,
    amount: { total: 100 },
    notify_url: `${app.url}/wechatpay/notify`,
  });

  it('is created, paid, notified, queried, and refunded with a notification', async () => {
    const { native } = client.payments;
    const { code_url } = await native.prepay(order('order-0001'));
    expect(code_url).toMatch(/^weixin:/);
    await expect(native.queryByOutTradeNo('order-0001')).resolves.toMatchObject({
      trade_state: 'NOTPAY',
    });

    emulator.pay(code_url);
    await emulator.settled();
    expect(received).toHaveLength(1);
    const [paid] = received;
    if (paid?.eventType !== 'TRANSACTION.SUCCESS') throw new Error('not a payment');
    expect(paid.payload).toMatchObject({
      out_trade_no: 'order-0001',
      trade_state: 'SUCCESS',
      mchid: emulator.mchid,
      appid: emulator.appid,
      amount: { total: 100 },
    });

    const queried = await native.queryByOutTradeNo('order-0001');
    expect(queried).toMatchObject({
      trade_state: 'SUCCESS',
      transaction_id: paid.payload.transaction_id,
    });
    await expect(native.queryById(queried.transaction_id ?? '')).resolves.toEqual(queried);

    const refund = await client.refunds.create({
      out_trade_no: 'order-0001',
      out_refund_no: 'refund-0001',
      amount: { refund: 60, total: 100, currency: 'CNY' },
      notify_url: `${app.url}/wechatpay/notify`,
    });
    expect(refund).toMatchObject({ status: 'PROCESSING', out_refund_no: 'refund-0001' });
    expect(received).toHaveLength(1);

    emulator.finishRefund('refund-0001');
    await emulator.settled();
    expect(received).toHaveLength(2);
    expect(received[1]).toMatchObject({
      eventType: 'REFUND.SUCCESS',
      originalType: 'refund',
      payload: {
        refund_id: refund.refund_id,
        out_refund_no: 'refund-0001',
        out_trade_no: 'order-0001',
        refund_status: 'SUCCESS',
        amount: { total: 100, refund: 60 },
      },
    });
    await expect(client.refunds.query('refund-0001')).resolves.toMatchObject({ status: 'SUCCESS' });
    await expect(native.queryByOutTradeNo('order-0001')).resolves.toMatchObject({
      trade_state: 'REFUND',
    });
    const posts = emulator.notifications().flatMap(({ attempts }) => attempts);
    expect(posts).toHaveLength(2); // each taken at once
    expect(app.logger.textOf('error')).toBe('');
  });

  it('does not come about once its order is closed', async () => {
    const { native } = client.payments;
    const { code_url } = await native.prepay(order('order-0002'));
    await expect(native.close('order-0002')).resolves.toBeUndefined();
    await expect(native.queryByOutTradeNo('order-0002')).resolves.toMatchObject({
      trade_state: 'CLOSED',
    });
    expect(() => emulator.pay(code_url)).toThrow(expect.objectContaining({ code: 'ORDER_CLOSED' }));
    await emulator.settled();
    expect(received.map(({ payload }) => payload.out_trade_no)).not.toContain('order-0002');
  });
});
