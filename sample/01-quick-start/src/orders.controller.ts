import { BadRequestException, Body, Controller, Get, HttpCode } from '@nestjs/common';
import {
  type MessageEvent,
  NotFoundException,
  Param,
  Post,
  Sse,
  StreamableFile,
} from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import QRCode from 'qrcode';
import { map, type Observable } from 'rxjs';
import type { Order } from './order.js';
import { OrdersService } from './orders.service.js';
import { products } from './products.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly config: ConfigService,
  ) {}

  @Post()
  async place(@Body() body: unknown) {
    const { sku, quantity } = (body ?? {}) as { sku?: unknown; quantity?: unknown };
    const product = products.find((each) => each.sku === sku);
    if (!product) throw new NotFoundException('No such product');
    if (!isQuantity(quantity)) throw new BadRequestException('quantity: an integer from 1 to 99');
    const { outTradeNo, codeUrl, amountFen } = await this.orders.place(product, quantity);
    return { outTradeNo, codeUrl, amountFen };
  }

  @Get(':outTradeNo')
  get(@Param('outTradeNo') outTradeNo: string) {
    return this.view(this.orders.get(outTradeNo));
  }

  @Sse(':outTradeNo/events')
  events(@Param('outTradeNo') outTradeNo: string): Observable<MessageEvent> {
    return this.orders.watch(outTradeNo).pipe(map((order) => ({ data: this.view(order) })));
  }

  @Get(':outTradeNo/qr.svg')
  async qrCode(@Param('outTradeNo') outTradeNo: string): Promise<StreamableFile> {
    const { codeUrl } = this.orders.get(outTradeNo);
    const svg = await QRCode.toString(codeUrl, {
      type: 'svg',
      errorCorrectionLevel: 'M',
      margin: 2,
    });
    return new StreamableFile(Buffer.from(svg), { type: 'image/svg+xml' });
  }

  @Post(':outTradeNo/refund')
  @HttpCode(202)
  async refund(@Param('outTradeNo') outTradeNo: string) {
    return this.view(await this.orders.refund(outTradeNo));
  }

  /** With the emulator, the order has a page where the payer confirms it. */
  private view(order: Order) {
    const emulator = this.config.get<string>('EMULATOR_URL');
    const query = new URLSearchParams({ code_url: order.codeUrl });
    return emulator ? { ...order, payerUrl: `${emulator}/emulator/payer?${query}` } : order;
  }
}

function isQuantity(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 99;
}
