import { BadGatewayException, BadRequestException, Body, Controller, Post } from '@nestjs/common';
import { WechatPayClient, WechatPayError } from 'nestjs-wechatpay';

@Controller('orders')
export class OrdersController {
  constructor(private readonly wechatPay: WechatPayClient) {}

  /**
   * The caller chooses the number of the order, so that it may ask another shop when this one dies:
   * the platform finds an unchanged order again.
   */
  @Post()
  async place(@Body() body: unknown) {
    const { outTradeNo } = (body ?? {}) as { outTradeNo?: unknown };
    if (typeof outTradeNo !== 'string' || !/^[0-9A-Za-z]{6,32}$/.test(outTradeNo)) {
      throw new BadRequestException('outTradeNo: 6 to 32 letters and digits');
    }
    try {
      const { code_url: codeUrl } = await this.wechatPay.payments.native.prepay({
        description: '龙井春茶',
        out_trade_no: outTradeNo,
        amount: { total: 6800, currency: 'CNY' },
      });
      return { outTradeNo, codeUrl };
    } catch (error) {
      if (!(error instanceof WechatPayError)) throw error;
      throw new BadGatewayException({ code: error.code, message: error.message });
    }
  }
}
