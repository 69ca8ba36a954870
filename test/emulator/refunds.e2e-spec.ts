import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import {
  Merchant,
  startNotifyServer,
  type NotifyServer,
  type RawAnswer,
} from './support/merchant.js';

describe('Refunds', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let shop: NotifyServer;
  let count = 0;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    merchant = new Merchant(emulator);
    shop = await startNotifyServer();
  });

  afterAll(async () => {
    await emulator.close();
    await shop.close();
  });

  async function paidOrder(): Promise<string> {
    const outTradeNo = `REFUND-${String((count += 1)).padStart(6, '0')}`;
    await merchant.native(outTradeNo);
    emulator.pay(outTradeNo);
    return outTradeNo;
  }

  function refund(
    outTradeNo: string,
    outRefundNo: string,
    fen: number,
    more: object = {},
  ): Promise<RawAnswer> {
    return merchant.post('/v3/refund/domestic/refunds', {
      out_trade_no: outTradeNo,
      out_refund_no: outRefundNo,
      amount: { refund: fen, total: 100, currency: 'CNY' },
      ...more,
    });
  }

  const query = (outRefundNo: string) => merchant.get(`/v3/refund/domestic/refunds/${outRefundNo}`);

  it('are taken on, processed, and told to the merchant when they succeed', async () => {
    const outTradeNo = await paidOrder();
    const created = await refund(outTradeNo, 'R-1', 60, {
      notify_url: shop.url,
      reason: '不想要了',
    });
    expect(created.status).toBe(200);
    expect(created.json).toMatchObject({
      refund_id: expect.stringMatching(/^5030\d{24}$/),
      out_refund_no: 'R-1',
      out_trade_no: outTradeNo,
      status: 'PROCESSING',
      channel: 'ORIGINAL',
      amount: { total: 100, refund: 60, payer_refund: 60, currency: 'CNY' },
    });
    expect((await merchant.query(outTradeNo)).json['trade_state']).toBe('REFUND');
    expect((await query('R-1')).json).toEqual(created.json);

    emulator.finishRefund('R-1');
    const done = await query('R-1');
    expect(done.json).toMatchObject({
      status: 'SUCCESS',
      success_time: expect.stringMatching(/\+08:00$/),
    });
    const body = JSON.parse((await shop.nth(0)).body.toString('utf8'));
    expect(body).toMatchObject({
      event_type: 'REFUND.SUCCESS',
      resource: { original_type: 'refund' },
    });
    expect(JSON.parse(merchant.open(body.resource))).toEqual({
      mchid: merchant.mchid,
      transaction_id: created.json['transaction_id'],
      out_trade_no: outTradeNo,
      refund_id: created.json['refund_id'],
      out_refund_no: 'R-1',
      refund_status: 'SUCCESS',
      success_time: done.json['success_time'],
      user_received_account: '支付用户零钱',
      amount: { total: 100, refund: 60, payer_total: 100, payer_refund: 60 },
    });
  });

  it('may be partial, but never more than was paid', async () => {
    const outTradeNo = await paidOrder();
    expect((await refund(outTradeNo, 'R-2a', 60)).status).toBe(200);
    expect((await refund(outTradeNo, 'R-2b', 41)).json['code']).toBe('INVALID_REQUEST');
    expect((await refund(outTradeNo, 'R-2c', 40)).status).toBe(200);
    expect((await refund(outTradeNo, 'R-2d', 1)).json['code']).toBe('INVALID_REQUEST');
  });

  it('give the amount free again when they are closed', async () => {
    const outTradeNo = await paidOrder();
    await refund(outTradeNo, 'R-3a', 100, { notify_url: shop.url });
    emulator.finishRefund('R-3a', 'CLOSED');
    expect((await query('R-3a')).json['status']).toBe('CLOSED');
    expect((await refund(outTradeNo, 'R-3b', 100)).status).toBe(200);
    await emulator.settled();
    expect(emulator.notifications().at(-1)).toMatchObject({ eventType: 'REFUND.CLOSED' });
  });

  it('answer the same when they come again, and refuse other parameters', async () => {
    const outTradeNo = await paidOrder();
    const first = await refund(outTradeNo, 'R-4', 10);
    expect(await refund(outTradeNo, 'R-4', 10)).toMatchObject({ status: 200, json: first.json });
    expect(await refund(outTradeNo, 'R-4', 11)).toMatchObject({
      status: 400,
      json: { code: 'INVALID_REQUEST' },
    });
  });

  it('can be asked for by transaction id', async () => {
    const outTradeNo = await paidOrder();
    const { transaction_id: id } = (await merchant.query(outTradeNo)).json;
    const answer = await refund(outTradeNo, 'R-5', 1, {
      out_trade_no: undefined,
      transaction_id: id,
    });
    expect(answer.json['out_trade_no']).toBe(outTradeNo);
    const mixed = await refund('ANOTHER-01', 'R-5b', 1, { transaction_id: id });
    expect(mixed.json['code']).toBe('INVALID_REQUEST');
  });

  it.each<[string, object, number, string]>([
    ['an unknown order', { out_trade_no: 'UNKNOWN-01' }, 404, 'RESOURCE_NOT_EXISTS'],
    ['no order at all', { out_trade_no: undefined }, 400, 'PARAM_ERROR'],
    [
      'another total',
      { amount: { refund: 1, total: 99, currency: 'CNY' } },
      400,
      'INVALID_REQUEST',
    ],
    ['no currency', { amount: { refund: 1, total: 100 } }, 400, 'PARAM_ERROR'],
    [
      'nothing to refund',
      { amount: { refund: 0, total: 100, currency: 'CNY' } },
      400,
      'PARAM_ERROR',
    ],
    ['a number with a slash', { out_refund_no: 'R/1' }, 400, 'PARAM_ERROR'],
    ['a notify address with a query', { notify_url: 'http://127.0.0.1/?a=1' }, 400, 'PARAM_ERROR'],
    ['a long reason', { reason: 'x'.repeat(81) }, 400, 'PARAM_ERROR'],
  ])('are refused with %s', async (_, changes, status, code) => {
    const outTradeNo = await paidOrder();
    const answer = await refund(outTradeNo, 'R-6', 1, changes);
    expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status, code });
  });

  it('are refused for an order that nobody has paid', async () => {
    await merchant.native('UNPAID-001');
    expect(await refund('UNPAID-001', 'R-7', 1)).toMatchObject({
      status: 400,
      json: { code: 'INVALID_REQUEST' },
    });
  });

  it('need money: NOT_ENOUGH, and the same number again once there is some', async () => {
    const outTradeNo = await paidOrder();
    emulator.setBalance(50);
    expect(await refund(outTradeNo, 'R-8', 51)).toMatchObject({
      status: 403,
      json: { code: 'NOT_ENOUGH' },
    });
    emulator.setBalance(Infinity);
    expect((await refund(outTradeNo, 'R-8', 51)).status).toBe(200);
  });

  it('number fifty at most for one order', async () => {
    const outTradeNo = await paidOrder();
    for (let number = 1; number <= 50; number += 1) {
      expect((await refund(outTradeNo, `R-9-${number}`, 1)).status).toBe(200);
    }
    expect((await refund(outTradeNo, 'R-9-51', 1)).json['code']).toBe('INVALID_REQUEST');
  });

  it('are over after a year', async () => {
    const outTradeNo = await paidOrder();
    emulator.setClock({ offsetMs: 366 * 24 * 3_600_000 });
    const answer = await refund(outTradeNo, 'R-10', 1);
    emulator.setClock({ offsetMs: 0 });
    expect(answer.json['code']).toBe('INVALID_REQUEST');
  });

  it('belong to provider and sub-merchant in partner mode', async () => {
    const { appid, mchid, ...rest } = merchant.order('PARTNER-R1');
    const order = { ...rest, sp_appid: appid, sp_mchid: mchid, sub_mchid: '1900000109' };
    await merchant.post('/v3/pay/partner/transactions/native', order);
    emulator.pay('PARTNER-R1');
    expect((await refund('PARTNER-R1', 'R-11', 1)).json['code']).toBe('RESOURCE_NOT_EXISTS');
    const sub = { sub_mchid: '1900000109', notify_url: shop.url };
    expect((await refund('PARTNER-R1', 'R-11', 1, sub)).status).toBe(200);
    expect((await query('R-11')).status).toBe(404);
    expect((await query('R-11?sub_mchid=1900000109')).status).toBe(200);
    emulator.finishRefund('R-11', 'ABNORMAL');
    expect(emulator.notifications().at(-1)).toMatchObject({
      eventType: 'REFUND.ABNORMAL',
      payload: { sp_mchid: mchid, sub_mchid: '1900000109', refund_status: 'ABNORMAL' },
    });
  });

  it('name the account that they are paid from', async () => {
    const outTradeNo = await paidOrder();
    const from = [{ account: 'AVAILABLE', amount: 10 }];
    const answer = await refund(outTradeNo, 'R-13', 10, {
      funds_account: 'AVAILABLE',
      amount: { refund: 10, total: 100, currency: 'CNY', from },
    });
    expect(answer.json).toMatchObject({ funds_account: 'AVAILABLE', amount: { from } });
    const plain = await refund(outTradeNo, 'R-14', 10);
    expect(plain.json).toMatchObject({ funds_account: 'UNSETTLED', amount: { from: [] } });
  });

  it('are not asked for by a number that none can have', async () => {
    expect(await query('R%2F1')).toMatchObject({ status: 400, json: { code: 'PARAM_ERROR' } });
  });

  it('of two merchants may have one number: the merchant has to be named then', async () => {
    const outTradeNo = await paidOrder();
    await refund(outTradeNo, 'R-15', 1);
    const { mchid } = await emulator.addMerchant();
    const other = new Merchant(emulator, mchid);
    await other.native('REFUND-OTHER');
    emulator.pay('REFUND-OTHER');
    await other.post('/v3/refund/domestic/refunds', {
      out_trade_no: 'REFUND-OTHER',
      out_refund_no: 'R-15',
      amount: { refund: 2, total: 100, currency: 'CNY' },
    });
    expect(() => emulator.finishRefund('R-15')).toThrow(/several refunds .* name the mchid/);
    expect(emulator.finishRefund('R-15', 'ABNORMAL', mchid)).toMatchObject({
      status: 'ABNORMAL',
      amount: { refund: 2 },
    });
    expect((await query('R-15')).json['status']).toBe('PROCESSING');
  });

  it.each([-1, Number.NaN])('do not come out of a balance of %d fen', (fen) => {
    expect(() => emulator.setBalance(fen)).toThrow(RangeError);
  });

  it('end once', async () => {
    const outTradeNo = await paidOrder();
    await refund(outTradeNo, 'R-12', 1);
    emulator.finishRefund('R-12');
    expect(() => emulator.finishRefund('R-12')).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
    expect(() => emulator.finishRefund('R-none')).toThrow(
      expect.objectContaining({ code: 'RESOURCE_NOT_EXISTS' }),
    );
  });
});

describe('Refunds and time', () => {
  it('succeed by themselves when their time has come', async () => {
    const emulator = await WechatPayEmulator.start({ refundDelayMs: 3_600_000 });
    try {
      const merchant = new Merchant(emulator);
      await merchant.native('REFUND-TIME');
      emulator.pay('REFUND-TIME');
      await merchant.post('/v3/refund/domestic/refunds', {
        out_trade_no: 'REFUND-TIME',
        out_refund_no: 'RT-1',
        amount: { refund: 1, total: 100, currency: 'CNY' },
      });
      emulator.setClock({ advanceMs: 3_599_000 });
      expect((await merchant.get('/v3/refund/domestic/refunds/RT-1')).json['status']).toBe(
        'PROCESSING',
      );
      emulator.setClock({ advanceMs: 2000 });
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect((await merchant.get('/v3/refund/domestic/refunds/RT-1')).json['status']).toBe(
        'SUCCESS',
      );
    } finally {
      await emulator.close();
    }
  });

  it('stay as they were ended by hand when their time comes', async () => {
    const emulator = await WechatPayEmulator.start({ refundDelayMs: 3_600_000 });
    try {
      const merchant = new Merchant(emulator);
      await merchant.native('REFUND-HAND');
      emulator.pay('REFUND-HAND');
      for (const number of ['RT-2', 'RT-3']) {
        await merchant.post('/v3/refund/domestic/refunds', {
          out_trade_no: 'REFUND-HAND',
          out_refund_no: number,
          amount: { refund: 1, total: 100, currency: 'CNY' },
        });
      }
      emulator.finishRefund('RT-2', 'CLOSED');
      emulator.setClock({ advanceMs: 3_601_000 });
      const status = async (number: string): Promise<unknown> =>
        (await merchant.get(`/v3/refund/domestic/refunds/${number}`)).json['status'];
      while ((await status('RT-3')) !== 'SUCCESS');
      expect(await status('RT-2')).toBe('CLOSED');
    } finally {
      await emulator.close();
    }
  });

  it('are forgotten when there are too many, the oldest first', async () => {
    const emulator = await WechatPayEmulator.start({ maxOrders: 2 });
    try {
      const merchant = new Merchant(emulator);
      await merchant.native('REFUND-MANY');
      emulator.pay('REFUND-MANY');
      for (const number of ['RM-1', 'RM-2', 'RM-3']) {
        await merchant.post('/v3/refund/domestic/refunds', {
          out_trade_no: 'REFUND-MANY',
          out_refund_no: number,
          amount: { refund: 1, total: 100, currency: 'CNY' },
        });
      }
      const statuses: number[] = [];
      for (const number of ['RM-1', 'RM-2', 'RM-3']) {
        statuses.push((await merchant.get(`/v3/refund/domestic/refunds/${number}`)).status);
      }
      expect(statuses).toEqual([404, 200, 200]);
    } finally {
      await emulator.close();
    }
  });
});
