import { Controller, Post } from '@nestjs/common';
import { WechatPayNotification, WechatPayNotify } from 'nestjs-wechatpay';
import { OrdersService } from './orders.service.js';

/** Only notifications that were verified, decrypted and are this merchant's come this far. */
@WechatPayNotify()
@Controller('wechatpay/notify')
export class NotifyController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  receive(@WechatPayNotification() notification: WechatPayNotification): void {
    switch (notification.eventType) {
      case 'TRANSACTION.SUCCESS':
        return this.orders.paid(notification.payload);
      case 'REFUND.SUCCESS':
      case 'REFUND.ABNORMAL':
      case 'REFUND.CLOSED':
        return this.orders.refunded(notification.payload);
    }
  }
}
