import { Inject, Injectable } from '@nestjs/common';
import { OnWechatPayNotification, type WechatPayNotification } from 'nestjs-wechatpay';
import { Database } from './database.js';

@Injectable()
export class PaymentHandlers {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** The claim of the event and the credit of the order are committed together, or not at all. */
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  async paid(notification: WechatPayNotification<'TRANSACTION.SUCCESS'>): Promise<void> {
    const { out_trade_no: outTradeNo, amount } = notification.payload;
    await this.database.transaction(async (tx) => {
      if (!(await notification.claim(tx))) return;
      const { rowCount } = await tx.query(
        `UPDATE orders SET state = 'PAID' WHERE out_trade_no = $1 AND total_fen = $2`,
        [outTradeNo, amount.total],
      );
      if (rowCount !== 1) throw new Error(`${outTradeNo} is not an order of this amount`);
      await tx.query('INSERT INTO credits VALUES ($1, $2)', [outTradeNo, amount.total]);
    });
  }
}
