import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { CertificateProvider, type KeyEvent } from 'nestjs-wechatpay';
import type { Subscription } from 'rxjs';
import type { FromShop, ToShop } from '../messages.js';

/** The line to the conductor of this demonstration. A shop of yours has no need of it. */
@Injectable()
export class Report implements OnModuleInit, OnModuleDestroy {
  private events: Subscription | undefined;

  constructor(private readonly certificates: CertificateProvider) {}

  onModuleInit(): void {
    this.events = this.certificates.keyEvents$.subscribe((event) => this.tell(describe(event)));
    process.on('message', this.listen);
  }

  onModuleDestroy(): void {
    this.events?.unsubscribe();
    process.off('message', this.listen);
  }

  /** Resolves once the conductor has it. */
  paid(outTradeNo: string): Promise<void> {
    return new Promise((done, fail) => {
      const message: FromShop = { type: 'paid', outTradeNo };
      process.send?.(message, (error: Error | null) => (error ? fail(error) : done()));
    });
  }

  ready(port: number): void {
    this.tell({ type: 'ready', port });
  }

  private tell(message: FromShop): void {
    if (process.connected) process.send?.(message, () => undefined);
  }

  /**
   * By itself a shop renews every 6 to 10 hours, and one renewal serves the whole fleet. Nobody wants
   * to wait for that here.
   */
  private readonly listen = (message: unknown): void => {
    if ((message as ToShop | undefined)?.type !== 'renew') return;
    this.certificates.refresh().catch(() => undefined); // an event says so
  };
}

function describe(event: KeyEvent): FromShop {
  const { type } = event;
  switch (event.type) {
    case 'loaded':
    case 'rotated':
      return { type: 'keys', event: type, serials: [event.serial] };
    case 'renewed':
      return { type: 'keys', event: type, serials: event.added };
    case 'refused':
    case 'refresh-failed':
    case 'store-lost': {
      const { code, message } = event.error;
      return { type: 'keys', event: type, serials: [], problem: `${code}: ${message}` };
    }
    default:
      return { type: 'keys', event: type, serials: [] };
  }
}
