import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { ConflictException, NotFoundException } from '@nestjs/common';
import type { ConfigType } from '@nestjs/config';
import { WechatPayClient, wechatPayConfig } from 'nestjs-wechatpay';
import type { RefundPayload, TransactionPayload } from 'nestjs-wechatpay';
import { concat, filter, type Observable, of, Subject } from 'rxjs';
import type { Order } from './order.js';
import type { Product } from './products.js';

/** The orders live in memory; the oldest makes room. A real shop keeps them in its database. */
const maxOrders = 1000;

@Injectable()
export class OrdersService implements OnModuleDestroy {
  private readonly logger = new Logger(OrdersService.name);
  private readonly orders = new Map<string, Order>();
  private readonly changes = new Subject<Order>();

  constructor(
    private readonly wechatPay: WechatPayClient,
    @Inject(wechatPayConfig.KEY) private readonly config: ConfigType<typeof wechatPayConfig>,
  ) {}

  async place({ sku, name, priceFen }: Product, quantity: number): Promise<Order> {
    const outTradeNo = `QS${randomBytes(12).toString('hex').toUpperCase()}`;
    const amountFen = priceFen * quantity;
    const { code_url: codeUrl } = await this.wechatPay.payments.native.prepay({
      description: `${name} × ${quantity}`,
      out_trade_no: outTradeNo,
      amount: { total: amountFen, currency: 'CNY' },
    });
    const createdAt = new Date().toISOString();
    const state = 'NOTPAY';
    const order = {
      outTradeNo,
      sku,
      name,
      quantity,
      amountFen,
      codeUrl,
      createdAt,
      state,
    } as const;
    const [oldest] = this.orders.keys();
    if (oldest !== undefined && this.orders.size >= maxOrders) this.orders.delete(oldest);
    return this.save(order);
  }

  get(outTradeNo: string): Order {
    const order = this.orders.get(outTradeNo);
    if (!order) throw new NotFoundException('No such order');
    return order;
  }

  /** The order as it is now, then each change. Ends with the application. */
  watch(outTradeNo: string): Observable<Order> {
    const later = this.changes.pipe(filter((order) => order.outTradeNo === outTradeNo));
    return concat(of(this.get(outTradeNo)), later);
  }

  /** Asks for the money back. One refund number per order: asking twice cannot refund twice. */
  async refund(outTradeNo: string): Promise<Order> {
    const { state, refund, amountFen } = this.get(outTradeNo);
    if (state !== 'SUCCESS') throw new ConflictException(`The order is ${state}, not SUCCESS`);
    if (refund === 'PROCESSING') return this.get(outTradeNo);
    await this.wechatPay.refunds.create({
      out_trade_no: outTradeNo,
      out_refund_no: `${outTradeNo}-R`,
      amount: { total: amountFen, refund: amountFen, currency: 'CNY' },
    });
    // The notification may have been faster than the answer.
    const order = this.get(outTradeNo);
    return order.refund === undefined ? this.save({ ...order, refund: 'PROCESSING' }) : order;
  }

  /** An order moves forward only: a repeated or late notification never takes it back. */
  paid(payload: TransactionPayload): void {
    const order = this.matching(payload.out_trade_no, payload.mchid, payload.amount.total);
    if (order?.state !== 'NOTPAY' || payload.trade_state !== 'SUCCESS') return;
    if (payload.appid !== this.config.appid) {
      this.logger.error(`${order.outTradeNo}: paid to another appid, not accepted`);
      return;
    }
    const { transaction_id: transactionId, success_time: paidAt } = payload;
    this.save({ ...order, state: 'SUCCESS', transactionId, paidAt });
  }

  refunded(payload: RefundPayload): void {
    const order = this.matching(payload.out_trade_no, payload.mchid, payload.amount.refund);
    if (!order || order.state === 'REFUND') return;
    const { refund_status: refund, success_time: refundedAt } = payload;
    const state = refund === 'SUCCESS' ? 'REFUND' : order.state;
    this.save({ ...order, state, refund, refundedAt });
  }

  onModuleDestroy(): void {
    this.changes.complete();
  }

  /**
   * The notification is the platform's own; whether it is what this order asked for is ours to say.
   * What does not match is logged, not refused: sending it again would not make it match.
   */
  private matching(outTradeNo: string, mchid?: string, amountFen?: number): Order | undefined {
    const order = this.orders.get(outTradeNo);
    if (!order) this.logger.warn(`${outTradeNo}: notification for an order that is not here`);
    else if (mchid === this.config.mchid && amountFen === order.amountFen) return order;
    else this.logger.error(`${outTradeNo}: another merchant or amount, not accepted`);
    return undefined;
  }

  private save(order: Order): Order {
    this.orders.set(order.outTradeNo, order);
    this.changes.next(order);
    this.logger.log(`${order.outTradeNo}: ${order.state}`);
    return order;
  }
}
