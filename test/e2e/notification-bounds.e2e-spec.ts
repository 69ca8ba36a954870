import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Inject, Injectable, Module, Post, type Type } from '@nestjs/common';
import {
  MemoryNotificationInbox,
  OnWechatPayNotification,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayNotification,
  WechatPayNotifications,
  WechatPayNotify,
  type WechatPayMerchantsOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { HeldQueue } from '../support/held-queue.js';
import { NotifyApp } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';

const MCHID = '1900000002';
const STRANGER = '1900000009';
const handled = jest.fn<(mchid: string) => unknown>();

@Injectable()
class Orders {
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  paid({ mchid }: { readonly mchid: string }): unknown {
    return handled(mchid);
  }
}

/** What happens between the guard and the handlers. */
const between = jest.fn<() => unknown>();

@Controller('by-name')
class ByName {
  constructor(
    @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
  ) {}

  @Post()
  @WechatPayNotify({ merchant: MCHID })
  async take(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
    await between();
    await this.notifications.dispatch(notification);
  }

  @Post('stranger')
  @WechatPayNotify({ merchant: STRANGER })
  stranger(): void {}
}

describe('a notification of a merchant that comes and goes', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp | undefined;
  let aheadMs = 0;
  const realNow = Date.now;
  const resolve = jest.fn((mchid: string) =>
    mchid === MCHID ? emulator.options({ mchid }) : undefined,
  );

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: MCHID });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    aheadMs = 0;
    await app?.close();
    app = undefined;
    for (const mock of [handled, between, resolve]) mock.mockReset();
    resolve.mockImplementation((mchid) =>
      mchid === MCHID ? emulator.options({ mchid }) : undefined,
    );
  });
  afterAll(() => emulator.close());

  async function start(
    options: WechatPayMerchantsOptions = {},
    controllers: Type[] = [ByName],
  ): Promise<NotifyApp> {
    @Module({
      imports: [
        WechatPayMerchantsModule.forRoot({
          resolve,
          ...options,
          notification: { path: '/:mchid' },
        }),
      ],
      controllers,
      providers: [Orders],
    })
    class AppModule {}
    return (app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' }));
  }
  const merchants = (): WechatPayMerchants =>
    (app as NotifyApp).app.get(WechatPayMerchants, { strict: false });
  const deliver = async (path = `/${MCHID}`, headers: object = {}): Promise<number> => {
    const sent = paidNotification(emulator, { mchid: MCHID }, { mchid: MCHID });
    const answer = await (app as NotifyApp).post({
      ...sent,
      headers: { ...sent.headers, ...headers },
      path,
    });
    return answer.status;
  };
  /** The clock goes on by so much, as if that had taken so long. */
  const passTime = (ms: number): void => {
    aheadMs += ms;
    jest.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
  };
  const elapsed = async (work: Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await work;
    return performance.now() - begin;
  };

  it('goes to the queue and the inbox that it was received for, though that was unloaded since', async () => {
    const queue = new HeldQueue();
    await start({ queue });
    between.mockImplementation(() => merchants().remove(MCHID));
    await expect(deliver('/by-name')).resolves.toBe(204);
    expect(queue.jobs).toHaveLength(1);
    expect(handled).not.toHaveBeenCalled();
    await app?.close();
    const memory = new MemoryNotificationInbox();
    const claim = jest.fn((key: string) => memory.claim(key));
    await start({ inbox: { claim } });
    await expect(deliver('/by-name')).resolves.toBe(204);
    expect([handled.mock.calls.length, claim.mock.calls.length]).toEqual([1, 1]);
  });

  it('is answered in time, whatever loading the merchant took', async () => {
    await start();
    let finish: () => void = () => undefined;
    handled.mockImplementation(() => new Promise<void>((done) => (finish = done)));
    resolve.mockImplementationOnce((mchid) => {
      passTime(3_000);
      return emulator.options({ mchid });
    });
    const answer = deliver();
    expect(await elapsed(answer)).toBeLessThan(2_500);
    await expect(answer).resolves.toBe(503);
    expect(handled).toHaveBeenCalledTimes(1);
    finish();
    await expect(deliver()).resolves.toBe(204);
  });

  it('is put into the queue within the time that is left', async () => {
    const queue = new HeldQueue();
    queue.onEnqueue = () => new Promise(() => undefined);
    await start({ queue });
    between.mockImplementation(() => passTime(3_900));
    const answer = deliver('/by-name');
    expect(await elapsed(answer)).toBeLessThan(2_500);
    await expect(answer).resolves.toBe(503);
  });

  it('is received by a route that names it, which loads it', async () => {
    await start();
    expect(merchants().names).toEqual([]);
    await expect(deliver('/by-name', { 'wechatpay-timestamp': '1' })).resolves.toBe(401);
    expect(resolve).not.toHaveBeenCalled();
    await expect(deliver('/by-name')).resolves.toBe(204);
    expect(handled).toHaveBeenCalledWith(MCHID);
    expect(app?.logger.textOf('warn', 'error')).toBe('');
    await expect(deliver('/by-name/stranger')).resolves.toBe(500);
    expect(app?.logger.textOf('error')).toContain('Unknown merchant');
  });

  it('is told of at the start when nothing can load it', async () => {
    await start({ resolve: undefined });
    const warnings = app?.logger.textOf('warn') ?? '';
    expect(warnings).toContain(`ByName names the merchant "${MCHID}", which is not registered`);
    expect(warnings).toContain('WechatPayMerchants.add()');
    await expect(deliver('/by-name')).resolves.toBe(500);
    await merchants().add(emulator.options({ mchid: MCHID }));
    await expect(deliver('/by-name')).resolves.toBe(204);
  });
});
