import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { isSignedBy, Merchant, startNotifyServer, type NotifyServer } from './support/merchant.js';

describe('A whole native payment', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let shop: NotifyServer;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
    shop = await startNotifyServer();
  });

  afterAll(async () => {
    await emulator.close();
    await shop.close();
  });

  it('goes from order to code, to payment, to a signed and encrypted notification', async () => {
    const prepay = await merchant.native('PAYMENT-0001', { notify_url: shop.url, attach: 'a|b' });
    expect(prepay.status).toBe(200);
    expect(prepay.json['code_url']).toMatch(/^weixin:\/\/wxpay\/bizpayurl\?pr=\w+$/);
    expect(isSignedBy(emulator.platformCertificate.certificate, prepay.headers, prepay.text)).toBe(
      true,
    );

    const before = await merchant.query('PAYMENT-0001');
    expect(before.json).toMatchObject({ trade_state: 'NOTPAY', out_trade_no: 'PAYMENT-0001' });
    expect(before.json['transaction_id']).toBeUndefined();

    const paid = emulator.pay(String(prepay.json['code_url']));
    expect(paid['trade_state']).toBe('SUCCESS');
    const post = await shop.nth(0);
    expect(isSignedBy(emulator.platformCertificate.certificate, post.headers, post.body)).toBe(
      true,
    );
    expect(post.headers['wechatpay-serial']).toBe(emulator.platformCertificate.serial);
    const body = JSON.parse(post.body.toString('utf8'));
    expect(body).toMatchObject({
      event_type: 'TRANSACTION.SUCCESS',
      resource_type: 'encrypt-resource',
      resource: { algorithm: 'AEAD_AES_256_GCM', original_type: 'transaction' },
    });
    const transaction = JSON.parse(merchant.open(body.resource));
    expect(transaction).toEqual({
      appid: emulator.appid,
      mchid: emulator.mchid,
      out_trade_no: 'PAYMENT-0001',
      transaction_id: expect.stringMatching(/^4200\d{24}$/),
      trade_type: 'NATIVE',
      trade_state: 'SUCCESS',
      trade_state_desc: '支付成功',
      bank_type: 'OTHERS',
      attach: 'a|b',
      success_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/),
      payer: { openid: expect.stringMatching(/^oEmulator/) },
      amount: { total: 100, currency: 'CNY', payer_total: 100, payer_currency: 'CNY' },
    });

    const byNumber = await merchant.query('PAYMENT-0001');
    expect(byNumber.json).toEqual(transaction);
    const byId = await merchant.get(
      `/v3/pay/transactions/id/${transaction.transaction_id}?mchid=${merchant.mchid}`,
    );
    expect(byId.json).toEqual(transaction);

    await emulator.settled();
    expect(emulator.notifications()).toMatchObject([
      {
        eventType: 'TRANSACTION.SUCCESS',
        state: 'delivered',
        attempts: [{ number: 1, status: 204 }],
      },
    ]);
  });
});
