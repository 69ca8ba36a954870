import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import {
  MemoryNotificationInbox,
  OnWechatPayNotification,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayModule,
  type NotificationInbox,
  type QueuedNotification,
  type WechatPayMerchantsOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { HeldQueue } from '../support/held-queue.js';
import { NotifyApp } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';

const MCHID = '1900000002';
const PATH = '/wechatpay/notify';

/** Counts what it is asked. */
class CountingInbox implements NotificationInbox {
  readonly keys: string[] = [];
  readonly #inner = new MemoryNotificationInbox();

  claim(key: string): ReturnType<NotificationInbox['claim']> {
    this.keys.push(key);
    return this.#inner.claim(key);
  }
}

describe('the queue of merchants that come at run time', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp | undefined;
  const paid: string[] = [];

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: MCHID });
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    paid.length = 0;
  });
  afterAll(() => emulator.close());

  async function start(options: WechatPayMerchantsOptions): Promise<NotifyApp> {
    @Injectable()
    class Orders {
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      paid({ mchid }: { mchid: string }): void {
        paid.push(mchid);
      }
    }
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), notification: { path: '/registered' } }),
        WechatPayMerchantsModule.forRoot({
          resolve: (mchid) => (mchid === MCHID ? emulator.options({ mchid }) : undefined),
          ...options,
          notification: { path: `${PATH}/:mchid` },
        }),
      ],
      providers: [Orders],
    })
    class ShopModule {}
    return (app = await NotifyApp.start(ShopModule, { platform: 'express', rawBody: 'rawBody' }));
  }
  const deliver = async (shop: NotifyApp, mchid = MCHID, path = `${PATH}/${mchid}`) => {
    const { status } = await shop.post({
      ...paidNotification(emulator, { mchid }, { mchid }),
      path,
    });
    return status;
  };

  it('works from the start, for jobs of merchants that nobody has loaded since', async () => {
    const queue = new HeldQueue();
    expect(await deliver(await start({ queue }))).toBe(204);
    const [job] = queue.jobs as [QueuedNotification];
    await app?.close();
    const restarted = new HeldQueue();
    const shop = await start({ queue: restarted });
    expect(restarted.starts).toBe(1);
    expect(shop.app.get(WechatPayMerchants, { strict: false }).names).toEqual(['default']);
    await restarted.process(job);
    expect(paid).toEqual([MCHID]);
  });

  it('is not that of a merchant with one of its own, nor of a registered one', async () => {
    const [queue, own] = [new HeldQueue(), new HeldQueue()];
    const shop = await start({
      queue,
      resolve: (mchid) => ({ ...emulator.options({ mchid }), queue: own }),
    });
    expect(await deliver(shop)).toBe(204);
    expect([queue.jobs.length, own.jobs.length]).toEqual([0, 1]);
    expect(await deliver(shop, emulator.mchid, '/registered')).toBe(204);
    expect([queue.jobs.length, own.jobs.length, paid]).toEqual([0, 1, [emulator.mchid]]);
  });

  it('is that of merchants that are added, too', async () => {
    const queue = new HeldQueue();
    const shop = await start({ queue, resolve: undefined });
    await shop.app
      .get(WechatPayMerchants, { strict: false })
      .add(emulator.options({ mchid: MCHID }));
    expect(await deliver(shop)).toBe(204);
    expect([queue.jobs.length, queue.starts, paid]).toEqual([1, 1, []]);
  });

  it.each([
    ['genuine', {}, [MCHID, '1900000004']],
    ['forged', { body: '{}' }, ['1900000003', '1900000004']],
  ])('counts as use of a merchant, so that it stays: %s', async (_, changes, stay) => {
    const queue = new HeldQueue();
    const credential = { load: () => Promise.reject(new Error('not needed')) };
    const shop = await start({
      queue,
      maxLoaded: 2,
      resolve: (mchid) => ({
        ...emulator.options({ mchid: MCHID }),
        ...(mchid !== MCHID && { mchid, credential }),
      }),
    });
    const merchants = shop.app.get(WechatPayMerchants, { strict: false });
    expect(await deliver(shop)).toBe(204);
    const [job] = queue.jobs as [QueuedNotification];
    await merchants.get('1900000003');
    await queue.process({ ...job, ...changes }).catch(() => undefined);
    await merchants.get('1900000004');
    expect(merchants.names).toEqual(['default', ...stay]);
  });

  it('has an inbox beside it for those without one', async () => {
    const inbox = new CountingInbox();
    const shop = await start({ inbox });
    expect(await deliver(shop)).toBe(204);
    expect(await deliver(shop)).toBe(204);
    expect(await deliver(shop, emulator.mchid, '/registered')).toBe(204);
    expect(inbox.keys).toHaveLength(2);
    expect(paid).toEqual([MCHID, emulator.mchid]);
  });

  it('keeps the application from starting when it cannot work', async () => {
    const queue = new HeldQueue();
    queue.onWork = () => Promise.reject(new Error('no Redis'));
    await expect(start({ queue })).rejects.toThrow('no Redis');
  });
});
