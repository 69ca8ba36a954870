import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { Controller, Inject, Injectable, Module, Post } from '@nestjs/common';
import {
  OnWechatPayNotification,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotifications,
  WechatPayNotify,
  WechatPayRequestError,
  type QueuedNotification,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { HeldQueue } from '../support/held-queue.js';
import { rejection } from '../support/merchant-context.js';
import { NotifyApp } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';
import { MCHID_B, QueueShop, type QueueShopOptions, type Work } from '../support/queue-shop.js';

describe('the queue of notifications', () => {
  let emulator: WechatPayEmulator;
  let shop: QueueShop | undefined;
  let queue: HeldQueue;
  const credit = jest.fn<Work>();
  const mail = jest.fn<Work>();

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: MCHID_B });
  });
  beforeEach(() => {
    queue = new HeldQueue();
  });
  afterEach(async () => {
    await shop?.close();
    shop = undefined;
    for (const mock of [credit, mail]) mock.mockReset();
  });
  afterAll(() => emulator.close());

  async function open(options: Partial<QueueShopOptions> = {}): Promise<QueueShop> {
    return (shop = await QueueShop.start(emulator, { queue, credit, mail, ...options }));
  }

  it('is given what the platform sent, and no other header', async () => {
    const running = await open();
    const sent = running.paid('order-0001');
    const headers = { ...sent.headers, Authorization: 'secret', 'X-Forwarded-For': '10.0.0.1' };
    await expect(running.deliver({ ...sent, headers })).resolves.toBe(204);
    expect(queue.jobs).toEqual([
      {
        merchant: 'default',
        receivedAtMs: expect.any(Number),
        headers: lowered(sent.headers),
        body: Buffer.from(sent.body).toString('base64'),
      },
    ]);
    expect(Object.keys(lowered(sent.headers))).toHaveLength(5);
    expect(JSON.parse(JSON.stringify(queue.jobs))).toEqual(queue.jobs);
    expect(credit).not.toHaveBeenCalled();
  });

  it('is given no header that was not there', async () => {
    const running = await open();
    const sent = running.paid('order-0001');
    const { 'wechatpay-signature-type': type, ...headers } = lowered(sent.headers);
    expect(type).toBe('WECHATPAY2-SHA256-RSA2048');
    const plainJson = { ...headers, 'content-type': 'application/json' };
    await expect(running.deliver({ ...sent, headers: plainJson })).resolves.toBe(204);
    expect(queue.jobs[0]?.headers).toEqual(headers);
    await queue.process();
    expect(credit).toHaveBeenCalledTimes(1);
  });

  it('keeps the time that the signature was checked at, however long the way to it took', async () => {
    let aheadMs = 290_000;
    @Controller('slow')
    class SlowController {
      constructor(
        @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
      ) {}
      @Post()
      @WechatPayNotify()
      take(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
        aheadMs = 310_000; // now it would not verify any more
        return this.notifications.dispatch(notification);
      }
    }
    @Injectable()
    class Orders {
      @OnWechatPayNotification('*')
      any({ id }: { readonly id: string }): unknown {
        return credit(id);
      }
    }
    @Module({
      imports: [WechatPayModule.forRoot({ ...emulator.options(), queue })],
      providers: [Orders],
      controllers: [SlowController],
    })
    class AppModule {}
    const app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
    const sent = paidNotification(emulator);
    const realNow = Date.now;
    const now = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
    try {
      await expect(app.post({ ...sent, path: '/slow' })).resolves.toMatchObject({ status: 204 });
      await expect(queue.process()).resolves.toBeUndefined();
    } finally {
      now.mockRestore();
      await app.close();
    }
    expect(credit).toHaveBeenCalledTimes(1);
  });

  it('is started once, though two merchants share it, and closed with the application', async () => {
    const running = await open({ hasShopB: true });
    expect(queue.starts).toBe(1);
    await expect(running.deliver('order-000b', 'shop-b')).resolves.toBe(204);
    expect(queue.jobs[0]?.merchant).toBe('shop-b');
    await queue.process();
    expect(credit).toHaveBeenCalledWith('order-000b');
    await running.close();
    expect(queue.isClosed).toBe(true);
  });

  it('may fail to close: the application closes all the same', async () => {
    const running = await open();
    queue.onClose = () => Promise.reject(new Error('no'));
    await running.close();
    shop = undefined;
    expect(running.logged('warn')).toEqual([expect.stringContaining('did not close in order')]);
  });

  it('is waited for as long as it says when the application closes', async () => {
    const running = await open();
    queue.closesWithinMs = 100;
    queue.onClose = () => new Promise(() => undefined);
    const begin = performance.now();
    await running.close();
    shop = undefined;
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  it('runs each handler once for an event, and again only what failed', async () => {
    const running = await open();
    mail.mockImplementationOnce(() => Promise.reject(new Error('no mail')));
    await expect(running.deliver('order-0001')).resolves.toBe(204);
    await expect(running.deliver('order-0001')).resolves.toBe(204);
    const error = await rejection(queue.process());
    expect(error).toMatchObject({
      code: 'NOTIFICATION_FAILED',
      isRetryable: true,
      notificationId: expect.stringMatching(/./),
    });
    await queue.process();
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 2]);
    expect(running.logged('error')).toEqual([
      expect.stringContaining('Mails.send failed; the queue tries again'),
    ]);
  });

  it('tells that a job has to come again while its event is handled', async () => {
    const running = await open();
    let finish: () => void = () => undefined;
    credit.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    await running.deliver('order-0001');
    const [job] = queue.jobs;
    const first = queue.process();
    await expect(queue.process(job)).rejects.toMatchObject({ code: 'NOTIFICATION_BUSY' });
    finish();
    await first;
    await expect(queue.process(job)).resolves.toBeUndefined();
    expect(credit).toHaveBeenCalledTimes(1);
  });

  it('has handlers waited for ten minutes, and not for ever', async () => {
    const running = await open();
    await running.deliver('order-0001');
    credit.mockImplementationOnce(() => new Promise(() => undefined));
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'setImmediate'] });
    try {
      const seen = jest.fn();
      const processed = queue.process().catch(seen);
      await jest.advanceTimersByTimeAsync(10 * 60_000 - 1);
      expect(credit).toHaveBeenCalledTimes(1);
      expect(seen).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(10);
      await processed;
      expect(seen).toHaveBeenCalledWith(expect.objectContaining({ code: 'NOTIFICATION_LATE' }));
    } finally {
      jest.useRealTimers();
    }
    expect(running.logged('warn').join()).toContain('they go on, and the queue tries again');
  });

  it.each([
    ['accept', 204],
    ['refuse', 500],
  ] as const)('is not given what nobody handles: %s answers %d', async (unhandled, status) => {
    const running = await open({ notification: { unhandled } });
    const coupon = emulator.createNotification('COUPON.USE', { coupon_id: '1' });
    await expect(running.deliver(coupon)).resolves.toBe(status);
    expect(queue.jobs).toEqual([]);
    expect(running.logged('warn')).toEqual([
      expect.stringContaining('No handler takes COUPON.USE'),
    ]);
  });

  it('keeps what this process has no handler for, whatever is said of unhandled events', async () => {
    const running = await open({ notification: { unhandled: 'accept' } });
    await running.deliver('order-0001');
    const { headers, body } = emulator.createNotification('COUPON.USE', { coupon_id: '1' });
    const job = { ...queue.jobs[0], headers: lowered(headers), body: base64(body) };
    await expect(queue.process(job)).rejects.toMatchObject({ code: 'NOTIFICATION_UNHANDLED' });
  });

  describe('that does not take a notification', () => {
    it.each([
      ['fails', () => Promise.reject(new Error('Redis is down'))],
      [
        'throws',
        () => {
          throw new Error('Redis is down');
        },
      ],
      ['throws what is no error', () => Promise.reject('down' as never)],
    ])('because it %s makes the platform come back', async (_title, fails) => {
      const running = await open();
      queue.onEnqueue = fails;
      await expect(running.deliver('order-0001')).resolves.toBe(503);
      expect(running.logged('error')).toEqual([
        expect.stringMatching(
          /\[default\] The queue did not take a notification: (?:Redis is down|it failed)/,
        ),
      ]);
      queue.onEnqueue = () => undefined;
      await expect(running.deliver('order-0001')).resolves.toBe(204);
    });

    it('in time makes the platform come back', async () => {
      const running = await open({ notification: { ackTimeoutMs: 100 } });
      queue.onEnqueue = () => new Promise(() => undefined);
      await expect(running.deliver('order-0001')).resolves.toBe(503);
      expect(running.logged('error').join()).toMatch(/longer than \d{1,2}0? ms/);
    });
  });

  describe('is believed nothing', () => {
    const forge: [string, (job: QueuedNotification) => unknown, string][] = [
      [
        'a changed body',
        (job) => ({ ...job, body: base64(`${plain(job.body)} `) }),
        'SIGNATURE_INVALID',
      ],
      [
        'a forged time',
        (job) => ({ ...job, receivedAtMs: job.receivedAtMs - 301_000 }),
        'SIGNATURE_EXPIRED',
      ],
      ['no signature', (job) => ({ ...job, headers: {} }), 'SIGNATURE_MISSING'],
      ['another merchant’s payment', () => foreign(), 'REQUEST_INVALID'],
      ['no object', () => 'x', 'NOTIFICATION_REFUSED'],
    ];
    const foreign = (): unknown => {
      const { headers, body } = paidNotification(emulator, {}, { mchid: MCHID_B });
      return {
        merchant: 'default',
        receivedAtMs: Date.now(),
        headers: lowered(headers),
        body: base64(body),
      };
    };

    it.each(forge)('for %s: refused for good, with one error', async (_title, change, code) => {
      const running = await open();
      await running.deliver('order-0001');
      const job = queue.jobs[0] as QueuedNotification;
      const error = await rejection(queue.process(change(job)));
      expect(error).toMatchObject({
        code: 'NOTIFICATION_REFUSED',
        isRetryable: false,
        notificationId: undefined,
      });
      expect(running.logged('error')).toEqual([
        expect.stringContaining(`refused for good (${code})`),
      ]);
      expect(credit).not.toHaveBeenCalled();
      await expect(queue.process(job)).resolves.toBeUndefined();
      expect(credit).toHaveBeenCalledTimes(1);
    });

    it('but an unknown key or a wrong APIv3 key may be ours: those come again', async () => {
      const running = await open({ hasShopB: true });
      await running.deliver('order-0001');
      const job = queue.jobs[0] as QueuedNotification;
      const unknown = { ...job.headers, 'wechatpay-serial': 'ABCDEF0123456789' };
      await expect(queue.process({ ...job, headers: unknown })).rejects.toMatchObject({
        code: 'NOTIFICATION_FAILED',
      });
      expect(running.logged('error').join()).toMatch(
        /ABCDEF0123456789.*the queue tries again.*somebody can write to the queue's Redis/,
      );
      await expect(queue.process({ ...job, headers: unknown }, 2)).rejects.toMatchObject({
        code: 'NOTIFICATION_FAILED',
      });
      expect(running.logged('error')).toHaveLength(1);
      expect(running.logged('warn').join()).toMatch(/ABCDEF0123456789.*the queue tries again/);
      await expect(queue.process({ ...job, merchant: 'shop-b' })).rejects.toMatchObject({
        code: 'NOTIFICATION_FAILED',
      });
      expect(running.logged('error').join()).toContain('does not decrypt');
      expect(credit).not.toHaveBeenCalled();
    });
  });

  describe('of merchants that come at run time', () => {
    @Injectable()
    class Orders {
      @OnWechatPayNotification('*')
      any({ mchid }: { readonly mchid: string }): unknown {
        return credit(mchid);
      }
    }
    let app: NotifyApp;
    let merchants: WechatPayMerchants;
    const resolve = jest.fn<(mchid: string) => Promise<WechatPayOptions | undefined>>();

    beforeEach(async () => {
      @Module({
        imports: [
          WechatPayMerchantsModule.forRoot({
            resolve,
            notification: { path: '/wechatpay/notify/:mchid' },
          }),
        ],
        providers: [Orders],
      })
      class AppModule {}
      app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
      merchants = app.app.get(WechatPayMerchants, { strict: false });
      resolve.mockResolvedValue({ ...emulator.options({ mchid: MCHID_B }), queue });
    });
    afterEach(async () => {
      resolve.mockReset();
      await app.close();
    });
    const deliver = async (): Promise<number> => {
      const sent = paidNotification(emulator, { mchid: MCHID_B }, { mchid: MCHID_B });
      return (await app.post({ ...sent, path: `/wechatpay/notify/${MCHID_B}` })).status;
    };

    it('starts when the first of them is there', async () => {
      await merchants.add({ ...emulator.options(), queue });
      expect(queue.starts).toBe(1);
      await expect(deliver()).resolves.toBe(204);
      expect(queue.starts).toBe(1);
      await queue.process();
      expect(credit).toHaveBeenCalledWith(MCHID_B);
      await app.close();
      expect(queue.isClosed).toBe(true);
    });

    it('that must not start keeps its merchant out, and may start later', async () => {
      queue.onWork = () => {
        throw new WechatPayConfigurationError(['it keeps nothing']);
      };
      const adding = merchants.add({ ...emulator.options(), queue });
      await expect(adding).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
      expect(merchants.names).toEqual([]);
      queue.onWork = () => undefined;
      await merchants.add({ ...emulator.options(), queue });
      expect(queue.starts).toBe(2);
    });

    it('loads the merchant of a job, and waits for one that cannot be loaded', async () => {
      await expect(deliver()).resolves.toBe(204);
      const job = queue.jobs[0] as QueuedNotification;
      merchants.remove(MCHID_B);
      const failures = [
        () => Promise.resolve(undefined),
        () => Promise.reject(new WechatPayRequestError('not asked')),
        () => Promise.reject(new Error('the database is down')),
        () => Promise.reject(new WechatPayCertificateError('CREDENTIAL_UNAVAILABLE', 'no key')),
      ];
      for (const fails of failures.slice(1)) {
        resolve.mockImplementationOnce(fails);
        await expect(queue.process(job)).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED' });
      }
      await queue.process(job);
      expect(credit).toHaveBeenCalledTimes(1);
      merchants.remove(MCHID_B);
      resolve.mockImplementationOnce(() => Promise.resolve(undefined));
      expect(app.logger.textOf('error')).toBe('');
      await expect(queue.process(job)).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED' });
      expect(app.logger.textOf('error')).toMatch(/its merchant is not registered.*somebody can/);
      app.logger.clear();
      await expect(queue.process(job, 2)).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED' });
      expect(app.logger.textOf('warn')).toContain('its merchant is not registered');
      expect(app.logger.textOf('error')).toBe('');
    });

    it('asks for no merchant for a job that is stale or malformed', async () => {
      await deliver();
      resolve.mockClear();
      const job = { ...queue.jobs[0], merchant: '1900000077' };
      for (const bad of [
        { ...job, headers: {} },
        { ...job, receivedAtMs: 0 },
        { ...job, body: '' },
      ]) {
        await expect(queue.process(bad)).rejects.toMatchObject({ code: 'NOTIFICATION_REFUSED' });
      }
      expect(resolve).not.toHaveBeenCalled();
    });
  });

  it('that must not start ends the start, and those that have started are closed', async () => {
    const bad = new HeldQueue();
    bad.onWork = () => Promise.reject(new WechatPayConfigurationError(['it keeps nothing']));
    const starting = QueueShop.start(emulator, { queue, queueOfB: bad, hasShopB: true });
    await expect(starting).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
    expect(queue.isClosed).toBe(true);
  });

  it.each([{}, { enqueue: () => undefined }, 'redis'])('cannot be %j', async (wrong) => {
    await expect(QueueShop.start(emulator, { queue: wrong as never })).rejects.toMatchObject({
      message: expect.stringContaining('queue must be a NotificationQueue'),
    });
  });
});

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
const plain = (text: string): string => Buffer.from(text, 'base64').toString();
function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name.startsWith('wechatpay-')),
  );
}
