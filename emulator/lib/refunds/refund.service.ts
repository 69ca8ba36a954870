import type { EmulatorClock } from '../clock/clock.js';
import type { Scheduler } from '../clock/scheduler.js';
import { randomDigits } from '../keys/identifiers.js';
import type { MerchantRegistry } from '../keys/merchants.js';
import type { Notifier } from '../notifications/notifier.js';
import { fingerprint } from '../orders/fingerprint.js';
import type { OrderService } from '../orders/order.service.js';
import type { Order, OrderOwner } from '../orders/order.js';
import { PlatformError } from '../platform/platform-error.js';
import type { JsonObject } from '../validation/shape-validator.js';
import { toRefundPayload, type EmulatorRefundStatus, type Refund } from './refund.js';

/** Per order; and how long after the payment. @see WeChat Pay APIv3 docs: 申请退款 */
const mostRefunds = 50;
const yearMs = 365 * 24 * 3600 * 1000;

/** How a refund ends. @publicApi */
export type EmulatorRefundOutcome = Exclude<EmulatorRefundStatus, 'PROCESSING'>;

/** How refunds are processed. @internal */
export interface RefundOptions {
  /** Milliseconds of the emulator's clock until a refund succeeds; `Infinity`: when told to. */
  readonly delayMs: number;
  /** How many are remembered. */
  readonly capacity: number;
}

/** The life of a refund: taken on, then finished. @internal */
export class RefundService {
  private readonly refunds = new Map<string, Refund>();

  constructor(
    private readonly orders: OrderService,
    private readonly merchants: MerchantRegistry,
    private readonly notifier: Notifier,
    private readonly clock: EmulatorClock,
    private readonly scheduler: Scheduler,
    private readonly options: RefundOptions,
  ) {}

  /**
   * Takes a refund on, or finds it again when the same request comes twice.
   *
   * @throws {PlatformError} `RESOURCE_NOT_EXISTS`, `INVALID_REQUEST`, `NOT_ENOUGH`
   */
  create(owner: OrderOwner, request: JsonObject): Refund {
    const outRefundNo = String(request['out_refund_no']);
    const print = fingerprint(request);
    const known = this.find(owner, outRefundNo);
    if (known !== undefined) {
      if (known.fingerprint === print) return known;
      throw invalid('请求重入时，参数与首次请求时不一致');
    }
    const order = this.findOrder(owner, request);
    const refundFen = this.checkAmount(order, request);
    this.takeFromBalance(owner.mchid, refundFen);
    const refund: Refund = {
      owner,
      order,
      outRefundNo,
      refundId: `5030${randomDigits(24)}`,
      request,
      fingerprint: print,
      refundFen,
      createdAtMs: this.clock.now(),
      status: 'PROCESSING',
    };
    this.remember(refund);
    order.refundedFen += refundFen;
    order.refundCount += 1;
    order.state = 'REFUND';
    this.scheduler.at(refund.createdAtMs + this.options.delayMs, () => this.end(refund, 'SUCCESS'));
    return refund;
  }

  find(owner: OrderOwner, outRefundNo: string): Refund | undefined {
    return this.refunds.get(keyOf(owner, outRefundNo));
  }

  /** In the order in which they came. */
  all(): readonly Refund[] {
    return [...this.refunds.values()];
  }

  /**
   * Ends a refund that is being processed.
   *
   * @throws {PlatformError} `RESOURCE_NOT_EXISTS`, `INVALID_REQUEST`
   */
  finish(outRefundNo: string, outcome: EmulatorRefundOutcome, mchid?: string): Refund {
    const [refund, other] = [...this.refunds.values()].filter(
      (one) =>
        one.outRefundNo === outRefundNo && (mchid === undefined || one.owner.mchid === mchid),
    );
    if (refund === undefined) throw refundMissing();
    if (other !== undefined) throw invalid('several refunds have this number; name the mchid');
    if (refund.status !== 'PROCESSING') throw invalid('the refund is finished already');
    this.end(refund, outcome);
    return refund;
  }

  private end(refund: Refund, outcome: EmulatorRefundOutcome): void {
    if (refund.status !== 'PROCESSING') return;
    refund.status = outcome;
    refund.finishedAtMs = this.clock.now();
    if (outcome === 'CLOSED') {
      refund.order.refundedFen -= refund.refundFen;
      this.merchants.get(refund.owner.mchid).balanceFen += refund.refundFen;
    }
    const url = refund.request['notify_url'];
    if (typeof url !== 'string') return;
    this.notifier.notify({
      merchant: this.merchants.get(refund.owner.mchid),
      url,
      eventType: `REFUND.${outcome}`,
      payload: toRefundPayload(refund),
      overrides: { summary: outcome === 'SUCCESS' ? '退款成功' : '退款异常或关闭' },
    });
  }

  private findOrder(owner: OrderOwner, request: JsonObject): Order {
    const { transaction_id: id, out_trade_no: outTradeNo } = request;
    const order =
      typeof id === 'string'
        ? this.orders.findById(owner, id)
        : this.orders.find(owner, String(outTradeNo));
    if (order === undefined) throw new PlatformError(404, 'RESOURCE_NOT_EXISTS', '订单号不存在');
    if (outTradeNo !== undefined && outTradeNo !== order.outTradeNo) {
      throw invalid('商户订单号和微信支付订单号不一致');
    }
    if (order.paidAtMs === undefined) throw invalid('订单状态异常，仅支持对已支付的订单退款');
    if (this.clock.now() - order.paidAtMs > yearMs) throw invalid('订单已超过可退款的最大期限');
    return order;
  }

  private checkAmount(order: Order, request: JsonObject): number {
    const { total, refund } = request['amount'] as JsonObject;
    const refundFen = Number(refund);
    if (total !== order.totalFen) throw invalid('订单金额与之前请求不一致，请核实后再试');
    if (order.refundCount >= mostRefunds) throw invalid('订单退款次数已达上限');
    if (refundFen > order.totalFen - order.refundedFen)
      throw invalid('申请退款金额大于订单可退金额');
    return refundFen;
  }

  private takeFromBalance(mchid: string, fen: number): void {
    const merchant = this.merchants.get(mchid);
    if (merchant.balanceFen < fen) {
      throw new PlatformError(403, 'NOT_ENOUGH', '基本账户余额不足，请充值后重新发起');
    }
    merchant.balanceFen -= fen;
  }

  private remember(refund: Refund): void {
    this.refunds.set(keyOf(refund.owner, refund.outRefundNo), refund);
    const [oldest] = this.refunds.keys();
    if (this.refunds.size > this.options.capacity && oldest !== undefined) {
      this.refunds.delete(oldest);
    }
  }
}

/** 404 `RESOURCE_NOT_EXISTS`. @internal */
export function refundMissing(): PlatformError {
  return new PlatformError(404, 'RESOURCE_NOT_EXISTS', '退款单不存在');
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, 'INVALID_REQUEST', message);
}

function keyOf({ mchid, subMchid = '' }: OrderOwner, outRefundNo: string): string {
  return `${mchid}/${subMchid}/${outRefundNo}`;
}
