/** What is counted; every number of the result comes from here. */
export class Tally {
  /** Orders that a shop placed at the platform. */
  orders = 0;
  readonly perShop = new Map<string, number>();
  /** Orders that the payer has paid and the platform owes a notification for. */
  readonly due = new Set<string>();
  /** Orders whose notification a shop has verified and opened. */
  readonly notified = new Set<string>();
  failedCalls = 0;
  refusedNotifications = 0;
  /** Requests that went to another shop because one had just died. */
  moved = 0;
  platformRotations = 0;
  merchantRotations = 0;
  /** Of certificate lists, counted at the platform. */
  downloads = 0;
  /** Of placing an order, milliseconds. */
  readonly durations: number[] = [];
  /** The first reasons of failures. */
  readonly problems: string[] = [];

  placed(shop: string, durationMs: number): void {
    this.orders += 1;
    this.perShop.set(shop, (this.perShop.get(shop) ?? 0) + 1);
    this.durations.push(durationMs);
  }

  failed(problem: string): void {
    this.failedCalls += 1;
    this.note(problem);
  }

  refused(problem: string): void {
    this.refusedNotifications += 1;
    this.note(problem);
  }

  note(problem: string): void {
    if (this.problems.length < 5) this.problems.push(problem);
  }

  /** Paid, and the shops know. */
  get paid(): number {
    return [...this.due].filter((outTradeNo) => this.notified.has(outTradeNo)).length;
  }

  get lost(): number {
    return this.due.size - this.paid;
  }

  get isGood(): boolean {
    return (
      this.orders > 0 &&
      this.failedCalls === 0 &&
      this.refusedNotifications === 0 &&
      this.lost === 0 &&
      this.problems.length === 0
    );
  }

  /** @param share 0.5 for the median */
  duration(share: number): number {
    const sorted = [...this.durations].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }

  result() {
    const { orders, paid, failedCalls, refusedNotifications } = this;
    const { platformRotations, merchantRotations, downloads } = this;
    return {
      orders,
      paid,
      failedCalls,
      refusedNotifications,
      platformRotations,
      merchantRotations,
      downloads,
    };
  }
}
