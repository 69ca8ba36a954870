import { randomBytes } from 'node:crypto';
import { Controller, Inject, Post } from '@nestjs/common';
import { WechatPayClient } from 'nestjs-wechatpay';
import { Database } from './database.js';

const totalFen = 6800;

@Controller('orders')
export class OrdersController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(WechatPayClient) private readonly wechatPay: WechatPayClient,
  ) {}

  /** The order is in the database before anybody can pay it. */
  @Post()
  async place() {
    const outTradeNo = `ONCE${randomBytes(12).toString('hex').toUpperCase()}`;
    await this.database.pool.query('INSERT INTO orders (out_trade_no, total_fen) VALUES ($1, $2)', [
      outTradeNo,
      totalFen,
    ]);
    const { code_url: codeUrl } = await this.wechatPay.payments.native.prepay({
      description: '龙井春茶',
      out_trade_no: outTradeNo,
      amount: { total: totalFen, currency: 'CNY' },
    });
    return { outTradeNo, codeUrl };
  }
}
