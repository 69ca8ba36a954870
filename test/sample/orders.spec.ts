import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ConfigType } from '@nestjs/config';
import type {
  RefundPayload,
  TransactionPayload,
  WechatPayClient,
  wechatPayConfig,
} from 'nestjs-wechatpay';
import { OrdersService } from '../../sample/01-quick-start/src/orders.service.js';

const mchid = '1900000001';
const appid = 'wxemulator00000001';
const tea = { sku: 'tea', name: 'Tea', priceFen: 6800 };

describe('The orders of the quick start', () => {
  let orders: OrdersService;
  let refundNumbers: string[];
  let isPlatformUp: boolean;

  beforeEach(() => {
    Logger.overrideLogger(false);
    refundNumbers = [];
    isPlatformUp = true;
    const client = {
      payments: { native: { prepay: async () => ({ code_url: 'weixin://wxpay/x' }) } },
      refunds: {
        create: async ({ out_refund_no }: { out_refund_no: string }) => {
          refundNumbers.push(out_refund_no);
          if (!isPlatformUp) throw new Error('no answer');
        },
      },
    };
    orders = new OrdersService(
      client as unknown as WechatPayClient,
      { mchid, appid } as ConfigType<typeof wechatPayConfig>,
    );
  });

  const payment = (out_trade_no: string, overrides: object = {}) =>
    ({
      ...{ mchid, appid, out_trade_no, transaction_id: '42', trade_state: 'SUCCESS' },
      ...{ success_time: '2026-01-01T12:00:00+08:00', amount: { total: tea.priceFen } },
      ...overrides,
    }) as TransactionPayload;

  const refund = (out_trade_no: string, refund_status: string) =>
    ({
      ...{ mchid, out_trade_no, refund_status },
      amount: { total: tea.priceFen, refund: tea.priceFen },
    }) as RefundPayload;

  async function paid(): Promise<string> {
    const { outTradeNo } = await orders.place(tea, 1);
    orders.paid(payment(outTradeNo));
    expect(orders.get(outTradeNo).state).toBe('SUCCESS');
    return outTradeNo;
  }

  it('are never more than a thousand: the oldest makes room', async () => {
    const numbers: string[] = [];
    for (let count = 0; count < 1001; count += 1) {
      numbers.push((await orders.place(tea, 1)).outTradeNo);
    }
    expect(new Set(numbers).size).toBe(1001);
    const [first = '', second = ''] = numbers;
    expect(() => orders.get(first)).toThrow('No such order');
    expect(orders.get(second).state).toBe('NOTPAY');
  });

  it('are not paid to another merchant', async () => {
    const { outTradeNo } = await orders.place(tea, 1);
    orders.paid(payment(outTradeNo, { mchid: '1900000002' }));
    expect(orders.get(outTradeNo).state).toBe('NOTPAY');
  });

  it('stay refunded, whatever comes later', async () => {
    const outTradeNo = await paid();
    orders.refunded(refund(outTradeNo, 'SUCCESS'));
    orders.refunded(refund(outTradeNo, 'CLOSED'));
    orders.paid(payment(outTradeNo));
    expect(orders.get(outTradeNo)).toMatchObject({ state: 'REFUND', refund: 'SUCCESS' });
  });

  it('are refunded by a notification that overtakes the one of the payment', async () => {
    const { outTradeNo } = await orders.place(tea, 1);
    orders.refunded(refund(outTradeNo, 'SUCCESS'));
    orders.paid(payment(outTradeNo));
    expect(orders.get(outTradeNo).state).toBe('REFUND');
  });

  it('ask again for a refund under the same number when the answer was lost', async () => {
    const outTradeNo = await paid();
    isPlatformUp = false;
    await expect(orders.refund(outTradeNo)).rejects.toThrow('no answer');
    isPlatformUp = true;
    expect((await orders.refund(outTradeNo)).refund).toBe('PROCESSING');
    await orders.refund(outTradeNo);
    expect(refundNumbers).toEqual([`${outTradeNo}-R`, `${outTradeNo}-R`]);
  });

  it('keep what the notification said when it is faster than the answer', async () => {
    const outTradeNo = await paid();
    const asked = orders.refund(outTradeNo);
    orders.refunded(refund(outTradeNo, 'SUCCESS'));
    expect(await asked).toMatchObject({ state: 'REFUND', refund: 'SUCCESS' });
  });
});
