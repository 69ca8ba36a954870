import { randomBytes } from 'node:crypto';
import type { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import type { Tally } from './tally.js';

export const ordersPerSecond = 30;
const maxInFlight = 64;
const timeoutMs = 20_000;

/** Customers: they order at any shop, and pay. */
export class Load {
  private readonly inFlight = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly url: string,
    private readonly emulator: WechatPayEmulator,
    private readonly tally: Tally,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      if (this.inFlight.size >= maxInFlight) return;
      const buying = this.buy().finally(() => this.inFlight.delete(buying));
      this.inFlight.add(buying);
    }, 1000 / ordersPerSecond);
  }

  /** Resolves when the last order has been paid. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.inFlight);
  }

  private async buy(): Promise<void> {
    const outTradeNo = `FLEET${randomBytes(12).toString('hex').toUpperCase()}`;
    const started = performance.now();
    try {
      const answer = await fetch(`${this.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ outTradeNo }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const shop = answer.headers.get('x-shop') ?? 'nobody';
      const text = await answer.text();
      if (answer.status !== 201) {
        return this.tally.failed(`${shop} answered ${answer.status}: ${text.slice(0, 300)}`);
      }
      this.tally.placed(shop, performance.now() - started);
      this.tally.due.add(outTradeNo);
      this.emulator.pay(outTradeNo);
    } catch (error) {
      this.tally.failed(error instanceof Error ? error.message : String(error));
    }
  }
}
