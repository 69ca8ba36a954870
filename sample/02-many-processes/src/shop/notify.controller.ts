import { Controller, Post } from '@nestjs/common';
import { WechatPayNotification, WechatPayNotify } from 'nestjs-wechatpay';
import { Report } from './report.js';

/** Only notifications that were verified, decrypted and are this merchant's come this far. */
@WechatPayNotify()
@Controller('wechatpay/notify')
export class NotifyController {
  constructor(private readonly report: Report) {}

  @Post()
  async receive(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
    if (notification.eventType !== 'TRANSACTION.SUCCESS') return;
    // A real shop writes it to the database that all processes share, before it answers.
    await this.report.paid(notification.payload.out_trade_no);
  }
}
