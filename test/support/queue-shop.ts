import { Injectable, Module } from '@nestjs/common';
import {
  OnWechatPayNotification,
  WechatPayModule,
  type NotificationInbox,
  type NotificationQueue,
  type WechatPayNotification,
  type WechatPayNotificationExtras,
} from 'nestjs-wechatpay';
import type { EmulatorSignedNotification, WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { NotifyApp } from './notify-app.js';
import { paidNotification } from './notifications.js';

/** What a handler of the shop does with the number of an order. */
export type Work = (orderNo: string) => unknown;

/** A second merchant of the shop, registered as `shop-b`. */
export const MCHID_B = '1900000002';
const PATHS = { default: '/wechatpay/notify', 'shop-b': '/b/notify' } as const;

export interface QueueShopOptions {
  readonly queue: NotificationQueue;
  /** Another one for the second merchant. */
  readonly queueOfB?: NotificationQueue;
  readonly inbox?: NotificationInbox;
  readonly credit?: Work;
  readonly mail?: Work;
  readonly notification?: Omit<WechatPayNotificationExtras, 'path'>;
  /** Without it the shop has one merchant. */
  readonly hasShopB?: boolean;
}

/** An application with two handlers, whose merchants share a queue. */
export class QueueShop {
  private constructor(
    readonly notify: NotifyApp,
    private readonly emulator: WechatPayEmulator,
  ) {}

  static async start(emulator: WechatPayEmulator, options: QueueShopOptions): Promise<QueueShop> {
    const { queue, inbox, credit, mail, notification } = options;
    @Injectable()
    class Orders {
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      async credit({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): Promise<void> {
        await credit?.(payload.out_trade_no);
      }
    }
    @Injectable()
    class Mails {
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      async send({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): Promise<void> {
        await mail?.(payload.out_trade_no);
      }
    }
    const shared = { queue, ...(inbox && { inbox }) };
    const path = (name: keyof typeof PATHS) => ({ ...notification, path: PATHS[name] });
    @Module({
      imports: [
        WechatPayModule.forRoot({
          ...emulator.options(),
          ...shared,
          notification: path('default'),
        }),
        ...(options.hasShopB === true
          ? [
              WechatPayModule.forRoot({
                ...emulator.options({ mchid: MCHID_B }),
                ...shared,
                queue: options.queueOfB ?? queue,
                name: 'shop-b',
                notification: path('shop-b'),
              }),
            ]
          : []),
      ],
      providers: [Orders, Mails],
    })
    class ShopModule {}
    const notify = await NotifyApp.start(ShopModule, { platform: 'express', rawBody: 'rawBody' });
    return new QueueShop(notify, emulator);
  }

  /** What the platform sends for a paid order. */
  paid(orderNo: string, merchant: keyof typeof PATHS = 'default'): EmulatorSignedNotification {
    const mchid = merchant === 'default' ? this.emulator.mchid : MCHID_B;
    return paidNotification(this.emulator, { mchid }, { mchid, out_trade_no: orderNo });
  }

  /** Delivers it, and gives the status of the answer. */
  async deliver(
    sent: EmulatorSignedNotification | string,
    merchant: keyof typeof PATHS = 'default',
  ): Promise<number> {
    const message = typeof sent === 'string' ? this.paid(sent, merchant) : sent;
    const { status } = await this.notify.post({ ...message, path: PATHS[merchant] });
    return status;
  }

  logged(...levels: ('error' | 'warn')[]): string[] {
    return this.notify.logger.lines
      .filter(({ level }) => (levels as string[]).includes(level))
      .map(({ text }) => text);
  }

  close(): Promise<void> {
    return this.notify.close();
  }
}
