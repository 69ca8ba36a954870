import { afterEach, beforeAll, afterAll, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Inject,
  Injectable,
  Module,
  Post,
  Scope,
  SetMetadata,
  VersioningType,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type Provider,
  type Type,
} from '@nestjs/common';
import {
  MemoryNotificationInbox,
  OnWechatPayNotification,
  PaymentReconciler,
  WechatPayClient,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotifications,
  WechatPayNotify,
  type NotificationInbox,
  type WechatPayNotificationExtras,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import {
  WechatPayEmulator,
  type EmulatorNotificationOverrides,
  type EmulatorSignedNotification,
} from 'nestjs-wechatpay-emulator';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { rejection } from '../support/merchant-context.js';
import { paidNotification, paidOrder } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp, type Answer } from '../support/notify-app.js';

const PATH = '/wechatpay/notify';
const B = '1900000002';
type Paid = WechatPayNotification<'TRANSACTION.SUCCESS'>;
type Run = (notification: { readonly id: string }) => unknown;

/** What handlers do is up to each test. */
const credit = jest.fn<Run>();
const mail = jest.fn<Run>();
const other = jest.fn<Run>();

@Injectable()
class Orders {
  readonly credited: string[] = [];

  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  async credit(notification: Paid): Promise<void> {
    await credit(notification);
    this.credited.push(notification.payload.out_trade_no);
  }
}

@Injectable()
class Mails {
  @OnWechatPayNotification(['TRANSACTION.SUCCESS', 'REFUND.SUCCESS'])
  send(notification: WechatPayNotification<'TRANSACTION.SUCCESS' | 'REFUND.SUCCESS'>): unknown {
    return mail(notification);
  }
}

@Injectable()
class CatchAll {
  @OnWechatPayNotification('*')
  any(notification: WechatPayNotification<string>): unknown {
    return other(notification);
  }
}

describe('the handlers of notifications', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp | undefined;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: B });
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    for (const mock of [credit, mail, other]) mock.mockReset();
  });
  afterAll(() => emulator.close());

  interface Settings {
    readonly notification?: WechatPayNotificationExtras;
    readonly options?: Partial<WechatPayOptions>;
    readonly providers?: Provider[];
    readonly controllers?: Type[];
    readonly imports?: DynamicModule[];
    readonly combination?: (typeof COMBINATIONS)[number];
    readonly configure?: (app: NotifyApp['app']) => void;
  }
  async function start(settings: Settings = {}): Promise<NotifyApp> {
    const { notification = { path: PATH }, providers = [Orders, Mails] } = settings;
    const [platform, rawBody] = settings.combination ?? ['express', 'rawBody'];
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), ...settings.options, notification }),
        ...(settings.imports ?? []),
      ],
      providers,
      controllers: settings.controllers ?? [],
    })
    class AppModule {}
    const { configure } = settings;
    app = await NotifyApp.start(AppModule, {
      platform,
      rawBody,
      ...(configure && { configure }),
    });
    return app;
  }
  const deliver = (to: NotifyApp, sent: EmulatorSignedNotification, path = PATH): Promise<Answer> =>
    to.post({ ...sent, path });
  const paid = (no = 'order-0001', overrides: EmulatorNotificationOverrides = {}) =>
    paidNotification(emulator, overrides, { out_trade_no: no });
  const errors = (from: NotifyApp): string[] =>
    from.logger.lines.filter(({ level }) => level === 'error').map(({ text }) => text);

  it.each(COMBINATIONS)('are found and run on %s with %s, by a ready route', async (...names) => {
    const running = await start({ combination: names });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204, text: '' });
    expect(credit).toHaveBeenCalledTimes(1);
    expect(mail).toHaveBeenCalledTimes(1);
    expect(running.app.get(Orders).credited).toEqual(['order-0001']);
    const forged = paid('order-0002');
    const headers = { ...forged.headers, 'Wechatpay-Signature': 'A'.repeat(344) };
    await expect(deliver(running, { ...forged, headers })).resolves.toMatchObject({ status: 401 });
    expect(credit).toHaveBeenCalledTimes(1);
  });

  it('run once for an event, whatever number its notifications have', async () => {
    const running = await start();
    for (const id of ['n-1', 'n-1', 'n-2', 'n-3']) {
      await expect(deliver(running, paid('order-0001', { id }))).resolves.toMatchObject({
        status: 204,
      });
    }
    expect(credit).toHaveBeenCalledTimes(1);
    await deliver(running, paid('order-0002'));
    expect(credit).toHaveBeenCalledTimes(2);
  });

  it('run for each notification of an event whose business number says too little', async () => {
    const running = await start({ providers: [CatchAll] });
    for (const id of ['n-1', 'n-2', 'n-2']) {
      const sent = emulator.createNotification(
        'COMPLAINT.STATE_CHANGE',
        { complaint_id: '200201820200101080076610000', action_type: 'USER_RESPONSE' },
        { id },
      );
      await expect(deliver(running, sent)).resolves.toMatchObject({ status: 204 });
    }
    expect(other).toHaveBeenCalledTimes(2);
  });

  it('run again when they failed, and only those: the error is logged once', async () => {
    const running = await start();
    mail.mockImplementationOnce(() => Promise.reject(new Error('no mail today')));
    const first = await deliver(running, paid());
    expect(first).toMatchObject({ status: 500, json: { code: 'FAIL' } });
    expect(first.text).not.toContain('mail');
    expect(errors(running)).toEqual([expect.stringContaining('Mails.send failed')]);
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 2]);
  });

  it('may all fail, with whatever they throw', async () => {
    const running = await start();
    credit.mockImplementationOnce(() => Promise.reject(new Error('no database')));
    mail.mockImplementationOnce(() => Promise.reject('no mail'));
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 500 });
    expect(errors(running)).toHaveLength(2);
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
  });

  it('are not run a second time while they run: the platform has to come back', async () => {
    const running = await start({ providers: [Orders] });
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const isRunning = new Promise<void>((resolve) => (begun = resolve));
    credit.mockImplementationOnce(() => {
      begun();
      return new Promise<void>((resolve) => (finish = resolve));
    });
    const first = deliver(running, paid());
    await isRunning;
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 503 });
    finish();
    await expect(first).resolves.toMatchObject({ status: 204 });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    expect(credit).toHaveBeenCalledTimes(1);
    expect(errors(running)).toEqual([]);
  });

  it('go on after the platform was told to come back, which finds them finished', async () => {
    const running = await start({
      providers: [Orders],
      notification: { path: PATH, ackTimeoutMs: 100 },
    });
    let finish: () => void = () => undefined;
    credit.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 503 });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 503 });
    finish();
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    expect(credit).toHaveBeenCalledTimes(1);
    expect(running.app.get(Orders).credited).toEqual(['order-0001']);
  });

  it('that fail when the platform was told to come back already run again', async () => {
    const running = await start({
      providers: [Orders, { provide: 'alias', useExisting: Orders }],
      notification: { path: PATH, ackTimeoutMs: 100 },
    });
    let fail: () => void = () => undefined;
    credit.mockImplementationOnce(() => new Promise((_, reject) => (fail = () => reject('late'))));
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 503 });
    fail();
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    expect(errors(running)).toEqual([expect.stringContaining('after it had taken too long')]);
    expect(credit).toHaveBeenCalledTimes(2);
  });

  it('are reached past a global guard that the route is exempt from', async () => {
    @Injectable()
    class OnlyPublic implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return Reflect.getMetadata('isPublic', context.getClass()) === true;
      }
    }
    const guard = { provide: APP_GUARD, useClass: OnlyPublic };
    const closed = await start({ providers: [Orders, guard] });
    await expect(deliver(closed, paid())).resolves.toMatchObject({ status: 403 });
    await closed.close();
    const decorators = [SetMetadata('isPublic', true)];
    const open = await start({
      providers: [Orders, guard],
      notification: { path: PATH, decorators },
    });
    await expect(deliver(open, paid())).resolves.toMatchObject({ status: 204 });
  });

  it('are waited for when the application closes', async () => {
    const running = await start({
      providers: [Orders],
      notification: { path: PATH, ackTimeoutMs: 100 },
    });
    let finish: () => void = () => undefined;
    credit.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    await deliver(running, paid());
    const closed = running.close();
    const orders = running.app.get(Orders);
    finish();
    await closed;
    app = undefined;
    expect(orders.credited).toEqual(['order-0001']);
  });

  it('may be missing: such an event is accepted with a warning, or refused', async () => {
    const accepting = await start();
    const coupon = emulator.createNotification('COUPON.USE', { coupon_id: '1' });
    await expect(deliver(accepting, coupon)).resolves.toMatchObject({ status: 204 });
    expect(accepting.logger.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', text: expect.stringContaining('COUPON.USE') }),
    );
    await accepting.close();
    const refusing = await start({ notification: { path: PATH, unhandled: 'refuse' } });
    await expect(deliver(refusing, coupon)).resolves.toMatchObject({ status: 500 });
  });

  it('of * take what no other handler takes', async () => {
    const running = await start({ providers: [Orders, CatchAll] });
    await deliver(running, paid());
    await deliver(running, emulator.createNotification('COUPON.USE', { coupon_id: '1' }));
    expect(credit).toHaveBeenCalledTimes(1);
    expect(other.mock.calls.map(([{ id }]) => id)).toHaveLength(1);
  });

  it('tell the payloads of one event type apart by their original type', async () => {
    const shares: unknown[] = [];
    @Injectable()
    class Shares {
      @OnWechatPayNotification('TRANSACTION.SUCCESS/profitsharing')
      take({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS/profitsharing'>): void {
        shares.push(payload.receiver.amount);
      }
    }
    const running = await start({ providers: [Orders, Shares] });
    // The order is another merchant's; the share is ours.
    const share = {
      mchid: B,
      transaction_id: '4200000000000000000000000001',
      order_id: '3008450740201411110007820472',
      out_order_no: 'P20260101',
      receiver: { type: 'MERCHANT_ID', account: emulator.mchid, amount: 888, description: '分账' },
      success_time: '2026-01-01T00:00:00+08:00',
    };
    const overrides = { originalType: 'profitsharing' };
    const send = (payload: object): Promise<Answer> =>
      deliver(
        running,
        emulator.createNotification('TRANSACTION.SUCCESS', { ...payload }, overrides),
      );
    await expect(send(share)).resolves.toMatchObject({ status: 204 });
    expect(shares).toEqual([888]);
    expect(credit).not.toHaveBeenCalled();
    const others = { ...share, receiver: { ...share.receiver, account: B } };
    await expect(send(others)).resolves.toMatchObject({ status: 401 });
  });

  it('may name an original type of any event', async () => {
    @Injectable()
    class Coupons {
      @OnWechatPayNotification('COUPON.USE/coupon')
      used(notification: WechatPayNotification<'COUPON.USE'>): unknown {
        return other(notification);
      }
    }
    const running = await start({ providers: [Coupons, { provide: 'number', useValue: 5 }] });
    for (const originalType of ['coupon', 'other']) {
      const sent = emulator.createNotification('COUPON.USE', { a: 1 }, { originalType });
      await deliver(running, sent);
    }
    expect(other).toHaveBeenCalledTimes(1);
  });

  describe('of several merchants', () => {
    const perMerchant = jest.fn<(where: string) => void>();
    @Injectable()
    class ByMerchant {
      @OnWechatPayNotification('TRANSACTION.SUCCESS', { merchant: 'shop-b' })
      b({ merchant }: Paid): void {
        perMerchant(`b:${merchant}`);
      }
      @OnWechatPayNotification('TRANSACTION.SUCCESS', { merchant: ['default', 'shop-b'] })
      both({ merchant }: Paid): void {
        perMerchant(`both:${merchant}`);
      }
      @OnWechatPayNotification('TRANSACTION.SUCCESS')
      all(): void {}
    }
    const shopB = () =>
      WechatPayModule.forRoot({
        ...emulator.options({ mchid: B }),
        name: 'shop-b',
        notification: { path: '/b/notify' },
      });
    const paidTo = (mchid: string): EmulatorSignedNotification =>
      emulator.createNotification('TRANSACTION.SUCCESS', paidOrder(emulator, { mchid }), { mchid });

    afterEach(() => {
      perMerchant.mockReset();
    });

    it('take those of the merchants that they name', async () => {
      const running = await start({ providers: [ByMerchant], imports: [shopB()] });
      await expect(deliver(running, paidTo(emulator.mchid))).resolves.toMatchObject({
        status: 204,
      });
      await expect(deliver(running, paidTo(B), '/b/notify')).resolves.toMatchObject({
        status: 204,
      });
      expect(perMerchant.mock.calls.flat()).toEqual(['both:default', 'b:shop-b', 'both:shop-b']);
    });

    it.each([
      ['/pay/:mchid/notify', `/pay/${B}/notify`],
      ['/pay/:merchant', '/pay/shop-b'],
    ])('are reached by one route %s', async (path, url) => {
      const running = await start({
        providers: [ByMerchant],
        imports: [shopB()],
        notification: { path },
      });
      await expect(deliver(running, paidTo(B), url)).resolves.toMatchObject({ status: 204 });
      expect(perMerchant).toHaveBeenCalledWith('b:shop-b');
      const unknown = url.replace(/1900000002|shop-b/, '1900000009');
      await expect(deliver(running, paidTo(B), unknown)).resolves.toMatchObject({ status: 401 });
    });

    it('that were added at run time are reached by the route of their module', async () => {
      const running = await start({
        providers: [Orders],
        imports: [WechatPayMerchantsModule.forRoot({ notification: { path: '/all/:mchid' } })],
      });
      await running.app.get(WechatPayMerchants).add(emulator.options({ mchid: B }));
      await expect(deliver(running, paidTo(B), `/all/${B}`)).resolves.toMatchObject({
        status: 204,
      });
      expect(credit).toHaveBeenCalledTimes(1);
    });
  });

  it('are reached from a controller of the application’s own', async () => {
    @Controller('own')
    class OwnController {
      constructor(
        @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
      ) {}
      @Post('notify')
      @WechatPayNotify()
      async take(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
        await this.notifications.dispatch(notification);
      }
      @Post('forged')
      @WechatPayNotify()
      forged(@WechatPayNotification() notification: WechatPayNotification): Promise<void> {
        return this.notifications.dispatch({ ...notification } as never);
      }
    }
    const running = await start({ notification: {}, controllers: [OwnController] });
    await expect(deliver(running, paid(), '/own/notify')).resolves.toMatchObject({ status: 204 });
    expect(credit).toHaveBeenCalledTimes(1);
    await expect(deliver(running, paid(), '/own/forged')).resolves.toMatchObject({ status: 500 });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 404 });
  });

  it('are not there before the application is', async () => {
    const testing = await Test.createTestingModule({
      imports: [WechatPayModule.forRoot(emulator.options())],
    }).compile();
    const notifications = testing.get(WechatPayNotifications, { strict: false });
    expect(() => notifications.dispatch({} as never)).toThrow(/app\.init\(\)/);
    await testing.close();
  });

  it('are reached below a global prefix and beside versions', async () => {
    const running = await start({
      configure: (nest) => {
        nest.setGlobalPrefix('api');
        nest.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      },
    });
    await expect(deliver(running, paid(), `/api${PATH}`)).resolves.toMatchObject({ status: 204 });
  });

  it('run once for what a query has found and a late notification says again', async () => {
    const running = await start();
    const client = running.app.get(WechatPayClient);
    const outTradeNo = 'order-found';
    const amount = { total: 100 };
    const notify_url = 'http://127.0.0.1:9/notify'; // nobody listens there
    await client.payments.native.prepay({
      out_trade_no: outTradeNo,
      description: '茶',
      amount,
      notify_url,
    });
    emulator.pay(outTradeNo);
    const out_refund_no = 'refund-found';
    await client.refunds.create({
      out_trade_no: outTradeNo,
      out_refund_no,
      amount: { refund: 100, total: 100, currency: 'CNY' },
      notify_url,
    });
    emulator.finishRefund(out_refund_no);
    await running.app.get(PaymentReconciler).round({
      unsettled: () => [{ outTradeNo }, { outRefundNo: out_refund_no }],
    });
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 2]);
    const late = [
      paid(outTradeNo),
      emulator.createNotification('REFUND.SUCCESS', {
        mchid: emulator.mchid,
        out_trade_no: outTradeNo,
        out_refund_no,
        refund_status: 'SUCCESS',
        amount: { total: 100, refund: 100, payer_total: 100, payer_refund: 100 },
      }),
    ];
    for (const each of late) {
      await expect(deliver(running, each)).resolves.toMatchObject({ status: 204 });
    }
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 2]);
  });

  it('are not run, and the platform comes back, while the inbox cannot be asked', async () => {
    const memory = new MemoryNotificationInbox();
    const claim = jest.fn<NotificationInbox['claim']>((key) => memory.claim(key));
    claim.mockImplementationOnce(() => Promise.reject(new Error('down')));
    const running = await start({ providers: [Orders], options: { inbox: { claim } } });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 500 });
    expect(credit).not.toHaveBeenCalled();
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    expect(claim.mock.calls[0]).toEqual([
      `TRANSACTION.SUCCESS:${emulator.mchid}::order-0001~Orders.credit`,
    ]);
  });

  it('that succeeded are answered for, though the inbox cannot be told', async () => {
    const inbox: NotificationInbox = {
      claim: () =>
        Promise.resolve({
          state: 'claimed',
          done: () => Promise.reject(new Error('down')),
          release: () => Promise.reject(new Error('down')),
        }),
    };
    const running = await start({ providers: [Orders], options: { inbox } });
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 204 });
    credit.mockImplementationOnce(() => Promise.reject(new Error('failed')));
    await expect(deliver(running, paid())).resolves.toMatchObject({ status: 500 });
  });

  describe('end the start', () => {
    const problemsOf = async (settings: Settings): Promise<string> => {
      const error = await rejection(start(settings));
      expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' });
      return (error as unknown as Error).message;
    };

    it('when their class lives for a request only, or for whoever injects it', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class PerRequest extends Orders {}
      @Injectable({ scope: Scope.TRANSIENT })
      class Transient extends Orders {}
      const message = await problemsOf({ providers: [PerRequest, Transient] });
      expect(message).toContain('PerRequest.credit cannot handle notifications');
      expect(message).toContain('Transient.credit cannot handle notifications');
    });

    it('when two have one name', async () => {
      @Injectable()
      class Twin {
        @OnWechatPayNotification('TRANSACTION.SUCCESS', { name: 'Orders.credit' })
        credit(): void {}
      }
      await expect(problemsOf({ providers: [Orders, Twin] })).resolves.toContain(
        'are called Orders.credit',
      );
    });

    it('when a name is none', async () => {
      @Injectable()
      class Odd {
        @OnWechatPayNotification('TRANSACTION.SUCCESS', { name: 'a b' })
        odd(): void {}
      }
      await expect(problemsOf({ providers: [Odd] })).resolves.toContain('printable ASCII');
    });

    it('when they or a route name a merchant that is not there, or no event', async () => {
      @Injectable()
      class Lost {
        @OnWechatPayNotification('TRANSACTION.SUCCESS', { merchant: 'nobody' })
        lost(): void {}
      }
      @Controller('lost')
      class LostController {
        @Post()
        @WechatPayNotify({ merchant: 'no-one' })
        lost(): void {}
      }
      const message = await problemsOf({ providers: [Lost], controllers: [LostController] });
      expect(message).toContain('"nobody"');
      expect(message).toContain('LostController names the merchant "no-one"');
      @Injectable()
      class Typo {
        @OnWechatPayNotification('transaction success')
        typo(): void {}
      }
      await expect(problemsOf({ providers: [Typo] })).resolves.toContain('names no event type');
    });

    it.each([
      [{ path: 'a b' }, 'notification.path'],
      [{ path: '/:mchid/:merchant' }, 'notification.path'],
      [{ path: PATH, ackTimeoutMs: 5_000 }, 'notification.ackTimeoutMs'],
      [{ path: PATH, unhandled: 'drop' as never }, 'notification.unhandled'],
      [{ pathh: PATH } as never, 'notification.pathh'],
    ])('for the settings %j', async (notification, name) => {
      await expect(problemsOf({ notification })).resolves.toContain(name);
    });

    it('for a route of many merchants that does not tell them apart', () => {
      expect(() => WechatPayMerchantsModule.forRoot({ notification: { path: PATH } })).toThrow(
        /:mchid/,
      );
    });
  });
});
