import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import {
  OnWechatPayNotification,
  WechatPayClient,
  WechatPayModule,
  WechatPayNotification,
} from 'nestjs-wechatpay';
import { WechatPayEmulator, type EmulatorNotifyEvent } from 'nestjs-wechatpay-emulator';
import { COMBINATIONS, NotifyApp } from '../support/notify-app.js';

const PATH = '/wechatpay/notify';
const heard: string[] = [];
let fails: (out: string) => boolean = () => false;

@Injectable()
class Ledger {
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  paid({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): void {
    this.hear(payload.out_trade_no);
  }

  @OnWechatPayNotification('REFUND.SUCCESS')
  refunded({ payload }: WechatPayNotification<'REFUND.SUCCESS'>): void {
    this.hear(payload.out_refund_no);
  }

  private hear(number: string): void {
    heard.push(number);
    if (fails(number)) throw new Error('the database is away');
  }
}

describe.each(COMBINATIONS)('what the emulator tells a shop on %s with %s', (platform, rawBody) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;
  let url: string;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ scale: 0.0001 });
    @Module({
      imports: [WechatPayModule.forRoot({ ...emulator.options(), notification: { path: PATH } })],
      providers: [Ledger],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody });
    url = `${app.url}${PATH}`;
  });
  afterEach(() => {
    heard.length = 0;
    fails = () => false;
    app.logger.clear();
    emulator.clearFaults();
  });
  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  it('is verified, opened and handled once, however many copies come at once', async () => {
    const payload = { out_trade_no: 'N-1', amount: { total: 100 } };
    const [record] = await emulator.notify('TRANSACTION.SUCCESS', payload, { url, copies: 16 });
    expect(heard).toEqual(['N-1']);
    expect(record).toMatchObject({
      eventType: 'TRANSACTION.SUCCESS',
      state: 'delivered',
      payload: { out_trade_no: 'N-1', mchid: emulator.mchid, trade_state: 'SUCCESS' },
    });
    expect(record?.attempts).toHaveLength(16);
    for (const { status } of record?.attempts ?? []) expect([204, 503]).toContain(status);
    expect(record?.attempts.map(({ status }) => status)).toContain(204);
  });

  it('comes again on the schedule until the handler can', async () => {
    let left = 3;
    fails = () => (left -= 1) >= 0;
    const [record] = await emulator.notify('TRANSACTION.SUCCESS', { out_trade_no: 'N-2' }, { url });
    expect(record).toMatchObject({ state: 'delivered' });
    expect(record?.attempts.map(({ status }) => status)).toEqual([500, 500, 500, 204]);
    expect(heard).toEqual(['N-2', 'N-2', 'N-2', 'N-2']);
  });

  it('comes in an order of its own: a refund before its payment', async () => {
    const events: EmulatorNotifyEvent[] = Array.from({ length: 6 }, (_, index) => [
      { event: 'TRANSACTION.SUCCESS', payload: { out_trade_no: `order-${index}` } },
      { event: 'REFUND.SUCCESS', payload: { out_refund_no: `refund-${index}` }, copies: 2 },
    ]).flat();
    const settings = { url, shuffle: true, seed: 7, concurrency: 1 };
    const records = await emulator.notify(events, settings);
    expect(records.map(({ eventType }) => eventType)).toEqual(events.map(({ event }) => event));
    expect(records.every(({ state }) => state === 'delivered')).toBe(true);
    const first = [...heard];
    const numbers = events.map(({ payload }) => Object.values(payload ?? {})[0] as string);
    expect([...first].sort()).toEqual([...numbers].sort());
    expect(first).not.toEqual(numbers);
    const positions = Array.from({ length: 6 }, (_, index) => [
      first.indexOf(`refund-${index}`),
      first.indexOf(`order-${index}`),
    ]);
    expect(positions.some(([refund = 0, order = 0]) => refund < order)).toBe(true);
  });

  it('finds the way by itself for an order that was placed', async () => {
    const amount = { total: 100 };
    const order = { out_trade_no: 'NOTIFY-4', description: '茶', amount, notify_url: url };
    await app.app.get(WechatPayClient).payments.native.prepay(order);
    const payload = { out_trade_no: 'NOTIFY-4' };
    const [record] = await emulator.notify('TRANSACTION.SUCCESS', payload);
    expect(record).toMatchObject({ url, state: 'delivered' });
    await expect(emulator.notify('REFUND.SUCCESS', payload)).rejects.toThrow('there is no url');
  });

  it('may be spoiled by a fault, once, and is genuine in the next copy', async () => {
    emulator.addFault({ match: 'notification', kind: 'signtest' });
    const settings = { url, copies: 2, concurrency: 1, resend: false };
    const [record] = await emulator.notify('TRANSACTION.SUCCESS', {}, settings);
    expect(record?.attempts).toMatchObject([{ status: 401, fault: 'signtest' }, { status: 204 }]);
  });
});
