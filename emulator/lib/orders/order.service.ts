import type { EmulatorClock } from '../clock/clock.js';
import { randomDigits, randomText } from '../keys/identifiers.js';
import type { MerchantRegistry } from '../keys/merchants.js';
import type { Notifier } from '../notifications/notifier.js';
import { paramError, PlatformError } from '../platform/platform-error.js';
import { isObject, type JsonObject } from '../validation/shape-validator.js';
import { fingerprint } from './fingerprint.js';
import type { OrderBook } from './order-book.js';
import { textOf, type EmulatorProduct, type Order, type OrderOwner } from './order.js';
import { toTransaction } from './transaction.js';

const hourMs = 3600 * 1000;

/**
 * How long a payer can use what the merchant was given.
 *
 * @see WeChat Pay APIv3 docs: JSAPI下单 and APP下单, prepay_id; Native下单, code_url; H5下单, h5_url
 */
const payableMs: Readonly<Record<EmulatorProduct, number>> = {
  jsapi: 2 * hourMs,
  app: 2 * hourMs,
  native: 2 * hourMs,
  h5: 5 * 60 * 1000,
};

/** What is too old then, how old it may be, and the way out. */
const expired: Readonly<Record<EmulatorProduct, string>> = {
  jsapi: 'prepay_id已过期，有效期为2小时，请重新下单',
  app: 'prepay_id已过期，有效期为2小时，请重新下单',
  native: 'code_url已过期，有效期为2小时，请重新下单',
  h5: 'h5_url已过期，有效期为5分钟，请重新下单',
};

/** @see WeChat Pay APIv3 docs: 基本规则, time_expire */
const orderLifeMs = 7 * 24 * hourMs;

/** Which order a payer or a test means. @publicApi */
export type EmulatorOrderReference =
  | { readonly outTradeNo: string; readonly mchid?: string }
  | { readonly codeUrl: string }
  | { readonly prepayId: string };

/** The life of an order: placed, paid or closed, refunded. @internal */
export class OrderService {
  constructor(
    private readonly book: OrderBook,
    private readonly merchants: MerchantRegistry,
    private readonly notifier: Notifier,
    private readonly clock: EmulatorClock,
  ) {}

  /**
   * Places an order, or finds it again when the same request comes twice.
   *
   * @throws {PlatformError} `ORDERPAID`, `ORDER_CLOSED`, `OUT_TRADE_NO_USED`, `INVALID_REQUEST`
   * @see WeChat Pay APIv3 docs: 商户订单号重入
   */
  place(owner: OrderOwner, product: EmulatorProduct, request: JsonObject): Order {
    const outTradeNo = String(request['out_trade_no']);
    const print = fingerprint(request);
    const known = this.find(owner, outTradeNo);
    if (known !== undefined) {
      refuseUnlessSame(known, product, print);
      this.renew(known);
      return known;
    }
    const order = this.create(owner, product, outTradeNo, request, print);
    this.book.add(order);
    return order;
  }

  find(owner: OrderOwner, outTradeNo: string): Order | undefined {
    return this.refreshed(this.book.find(owner, outTradeNo));
  }

  /** By transaction id, when it is this owner's. */
  findById(owner: OrderOwner, transactionId: string): Order | undefined {
    const order = this.refreshed(this.book.findByAlias(transactionId));
    if (order?.transactionId !== transactionId) return undefined;
    return order.owner.mchid === owner.mchid && order.owner.subMchid === owner.subMchid
      ? order
      : undefined;
  }

  /** @throws {PlatformError} `ORDER_NOT_EXIST`, `ORDERPAID`, `ORDER_CLOSED` */
  close(owner: OrderOwner, outTradeNo: string): void {
    const order = this.find(owner, outTradeNo);
    if (order === undefined) throw orderMissing();
    refuseUnlessOpen(order);
    order.state = 'CLOSED';
  }

  /**
   * The payer pays. The notification goes out afterwards.
   *
   * @throws {PlatformError} `ORDER_NOT_EXIST`, `ORDERPAID`, `ORDER_CLOSED`, `INVALID_REQUEST` for a
   * number that several merchants use, or for a code, a page or a prepay id that is too old
   */
  pay(reference: EmulatorOrderReference): Order {
    const order = this.resolve(reference);
    refuseUnlessOpen(order);
    const now = this.clock.now();
    if (!('outTradeNo' in reference) && !this.isPayable(order)) {
      throw new PlatformError(400, 'INVALID_REQUEST', expired[order.product]);
    }
    order.state = 'SUCCESS';
    order.paidAtMs = now;
    order.transactionId = `4200${randomDigits(24)}`;
    order.openid = givenOpenid(order) ?? `oEmulator${randomText(19)}`;
    this.book.index(order);
    this.notifier.notify({
      merchant: this.merchants.get(order.owner.mchid),
      url: textOf(order, 'notify_url') ?? '',
      eventType: 'TRANSACTION.SUCCESS',
      payload: toTransaction(order),
      overrides: { summary: '支付成功' },
    });
    return order;
  }

  /** @throws {PlatformError} `ORDER_NOT_EXIST`, `INVALID_REQUEST` */
  resolve(reference: EmulatorOrderReference): Order {
    const found = this.refreshed(this.lookup(reference));
    if (found === undefined) throw orderMissing();
    return found;
  }

  /** Whether the payer still can use what the merchant was given. */
  isPayable({ payableUntilMs }: Order): boolean {
    return payableUntilMs > this.clock.now();
  }

  /** In the order in which they were placed; a state may be behind the time. */
  all(): readonly Order[] {
    return this.book.all();
  }

  recent(count: number): readonly Order[] {
    return this.book.recent(count).map((order) => this.refreshed(order) ?? order);
  }

  private lookup(reference: EmulatorOrderReference): Order | undefined {
    if ('codeUrl' in reference) return this.book.findByAlias(reference.codeUrl);
    if ('prepayId' in reference) return this.book.findByAlias(reference.prepayId);
    const [first, second] = this.book.findAll(reference.outTradeNo, reference.mchid);
    if (second === undefined) return first;
    throw new PlatformError(
      400,
      'INVALID_REQUEST',
      'several orders have this number; name the mchid',
    );
  }

  /** An order that nobody paid in time is closed. */
  private refreshed(order: Order | undefined): Order | undefined {
    if (order?.state === 'NOTPAY' && order.expiresAtMs <= this.clock.now()) order.state = 'CLOSED';
    return order;
  }

  private create(
    owner: OrderOwner,
    product: EmulatorProduct,
    outTradeNo: string,
    request: JsonObject,
    print: string,
  ): Order {
    const now = this.clock.now();
    const amount = request['amount'];
    const expiry = request['time_expire'];
    const expiresAtMs = typeof expiry === 'string' ? Date.parse(expiry) : now + orderLifeMs;
    if (expiresAtMs <= now) throw paramError('/time_expire', '订单失效时间不能早于当前时间');
    return {
      owner,
      product,
      outTradeNo,
      request,
      fingerprint: print,
      totalFen: isObject(amount) ? Number(amount['total']) : 0,
      createdAtMs: now,
      expiresAtMs,
      ...handle(product, now),
      state: 'NOTPAY',
      refundedFen: 0,
      refundCount: 0,
    };
  }

  /** A request that is repeated when the payer's time is over gets a fresh handle. */
  private renew(order: Order): void {
    if (this.isPayable(order)) return;
    this.book.forget(order.prepayId);
    if (order.codeUrl !== undefined) this.book.forget(order.codeUrl);
    Object.assign(order, handle(order.product, this.clock.now()));
    this.book.index(order);
  }
}

/** What a payer reaches the order by, and until when. */
function handle(
  product: EmulatorProduct,
  now: number,
): Pick<Order, 'prepayId' | 'codeUrl' | 'payableUntilMs'> {
  return {
    prepayId: `wx${randomDigits(14)}${randomText(20).toLowerCase()}`,
    ...(product === 'native' && { codeUrl: `weixin://wxpay/bizpayurl?pr=${randomText(10)}zz` }),
    payableUntilMs: now + payableMs[product],
  };
}

/** 404 `ORDER_NOT_EXIST`. @internal */
export function orderMissing(): PlatformError {
  return new PlatformError(404, 'ORDER_NOT_EXIST', '订单不存在');
}

function refuseUnlessOpen({ state }: Order): void {
  if (state === 'CLOSED') throw new PlatformError(400, 'ORDER_CLOSED', '订单已关闭');
  if (state !== 'NOTPAY') throw new PlatformError(400, 'ORDERPAID', '该订单已支付');
}

function refuseUnlessSame(order: Order, product: EmulatorProduct, print: string): void {
  refuseUnlessOpen(order);
  if (order.product !== product) {
    throw new PlatformError(403, 'OUT_TRADE_NO_USED', '商户订单号重复，请核实后重新提交');
  }
  if (order.fingerprint !== print) {
    throw new PlatformError(400, 'INVALID_REQUEST', '请求重入时，参数与首次请求时不一致');
  }
}

function givenOpenid(order: Order): string | undefined {
  const payer = order.request['payer'];
  if (!isObject(payer)) return undefined;
  const openid = payer['openid'] ?? payer['sp_openid'];
  return typeof openid === 'string' ? openid : undefined;
}
