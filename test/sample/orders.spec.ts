import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { ConfigType } from '@nestjs/config';
import type { WechatPayClient, wechatPayConfig } from 'nestjs-wechatpay';
import { OrdersService } from '../../sample/01-quick-start/src/orders.service.js';

describe('The orders of the quick start', () => {
  it('are never more than a thousand: the oldest makes room', async () => {
    Logger.overrideLogger(false);
    const client = {
      payments: { native: { prepay: async () => ({ code_url: 'weixin://wxpay/x' }) } },
    } as unknown as WechatPayClient;
    const config = { mchid: '1900000001' } as ConfigType<typeof wechatPayConfig>;
    const orders = new OrdersService(client, config);
    const numbers: string[] = [];
    for (let count = 0; count < 1001; count += 1) {
      const { outTradeNo } = await orders.place({ sku: 'tea', name: 'Tea', priceFen: 1 }, 1);
      numbers.push(outTradeNo);
    }
    expect(new Set(numbers).size).toBe(1001);
    const [first = '', second = ''] = numbers;
    expect(() => orders.get(first)).toThrow('No such order');
    expect(orders.get(second).state).toBe('NOTPAY');
  });
});
