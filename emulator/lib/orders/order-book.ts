import type { Order, OrderOwner } from './order.js';

/** All orders, bounded: the oldest goes when there are too many. @internal */
export class OrderBook {
  private readonly orders = new Map<string, Order>();
  /** By transaction id, prepay id and `code_url`; the three never look alike. */
  private readonly aliases = new Map<string, Order>();

  constructor(private readonly capacity: number) {}

  add(order: Order): void {
    this.orders.set(keyOf(order.owner, order.outTradeNo), order);
    this.index(order);
    if (this.orders.size > this.capacity) this.dropOldest();
  }

  /** Makes the order findable by the identifiers that it has by now. */
  index(order: Order): void {
    for (const alias of aliasesOf(order)) this.aliases.set(alias, order);
  }

  /** Forgets one identifier, such as a `code_url` or `prepay_id` that has been replaced. */
  forget(alias: string): void {
    this.aliases.delete(alias);
  }

  find(owner: OrderOwner, outTradeNo: string): Order | undefined {
    return this.orders.get(keyOf(owner, outTradeNo));
  }

  /** By transaction id, prepay id or `code_url`. */
  findByAlias(alias: string): Order | undefined {
    return this.aliases.get(alias);
  }

  /** Every order with this number, whoever owns it. */
  findAll(outTradeNo: string, mchid?: string): readonly Order[] {
    return [...this.orders.values()].filter(
      (order) =>
        order.outTradeNo === outTradeNo && (mchid === undefined || order.owner.mchid === mchid),
    );
  }

  /** In the order in which they were placed. */
  all(): readonly Order[] {
    return [...this.orders.values()];
  }

  /** The newest first. */
  recent(count: number): readonly Order[] {
    return [...this.orders.values()].slice(-count).reverse();
  }

  get size(): number {
    return this.orders.size;
  }

  private dropOldest(): void {
    const [oldest] = this.orders;
    if (oldest === undefined) return;
    const [key, order] = oldest;
    this.orders.delete(key);
    for (const alias of aliasesOf(order)) this.aliases.delete(alias);
  }
}

function keyOf({ mchid, subMchid = '' }: OrderOwner, outTradeNo: string): string {
  return `${mchid}/${subMchid}/${outTradeNo}`;
}

function aliasesOf({ prepayId, codeUrl, transactionId }: Order): readonly string[] {
  return [prepayId, codeUrl, transactionId].filter((alias) => alias !== undefined);
}
