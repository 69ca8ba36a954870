import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module, Post, type DynamicModule } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import {
  getCertificateProviderToken,
  getMerchantCredentialProviderToken,
  getWechatPayClientToken,
  WechatPayConfigurationError,
  WechatPayModule,
  WechatPayNotify,
  WechatPayNotifyGuard,
  type CertificateProvider,
  type MerchantCredentialProvider,
  type WechatPayClient,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { paidOrder } from '../support/notifications.js';
import { NotifyApp, type Answer } from '../support/notify-app.js';
import { RecordingLogger } from '../support/recording-logger.js';

const A = '1900000001';
const B = '1900000002';

@Controller('wechatpay')
class NotifyController {
  @Post('a')
  @WechatPayNotify({ merchant: 'shop-a' })
  a(): void {}

  @Post('b')
  @WechatPayNotify({ merchant: 'shop-b' })
  b(): void {}
}

describe('two merchants in one application', () => {
  let emulator: WechatPayEmulator;
  let dispatcher: CountingDispatcher;
  let app: NotifyApp | undefined;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    await emulator.addMerchant({ mchid: B });
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await dispatcher?.close();
  });

  afterAll(() => emulator.close());

  async function start(
    changes: Partial<Record<'a' | 'b', Partial<WechatPayOptions>>> = {},
    more: DynamicModule[] = [],
  ): Promise<NotifyApp> {
    dispatcher = new CountingDispatcher();
    const options = (mchid: string): WechatPayOptions => ({
      ...emulator.options({ mchid }),
      http: { dispatcher },
    });
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...options(A), ...changes.a, name: 'shop-a' }),
        WechatPayModule.forRootAsync({
          name: 'shop-b',
          useFactory: () => ({ ...options(B), ...changes.b }),
        }),
        ...more,
      ],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
    return app;
  }

  const certificates = (shop: string): CertificateProvider =>
    (app as NotifyApp).app.get(getCertificateProviderToken(shop));
  const notify = (mchid: string, path: string, signer: string): Promise<Answer> => {
    const { appid } = emulator.options({ mchid });
    const payload = paidOrder(emulator, { mchid, appid });
    const overrides = { mchid, signer };
    const made = emulator.createNotification('TRANSACTION.SUCCESS', payload, overrides);
    return (app as NotifyApp).post({ ...made, path: `/wechatpay/${path}` });
  };

  it('sign with their own keys and fill in their own numbers', async () => {
    const { app: nest } = await start();
    const credentials = ['shop-a', 'shop-b'].map((shop) =>
      nest.get<MerchantCredentialProvider>(getMerchantCredentialProviderToken(shop)),
    );
    const [a, b] = credentials.map(({ credential }) => credential);
    expect([a?.mchid, b?.mchid]).toEqual([A, B]);
    expect(a?.serialNo).not.toBe(b?.serialNo);
    for (const [shop, mchid] of [
      ['shop-a', A],
      ['shop-b', B],
    ] as const) {
      const client = nest.get<WechatPayClient>(getWechatPayClientToken(shop));
      await client.payments.native.prepay({
        description: 'tea',
        out_trade_no: 'the-same-number',
        amount: { total: 100 },
        notify_url: 'http://127.0.0.1:9/notify',
      });
      const order = await client.payments.native.queryByOutTradeNo('the-same-number');
      expect(order).toMatchObject({ mchid, trade_state: 'NOTPAY' });
    }
    expect(new Set(dispatcher.requests.map(({ mchid }) => mchid))).toEqual(new Set([A, B]));
  });

  it('download certificates each for itself', async () => {
    await start();
    await certificates('shop-a').ready();
    await certificates('shop-a').refresh();
    expect([dispatcher.downloads(A), dispatcher.downloads(B)]).toEqual([1, 0]);
    await certificates('shop-b').refresh();
    expect([dispatcher.downloads(A), dispatcher.downloads(B)]).toEqual([1, 1]);
    expect(certificates('shop-a').keyRing).not.toBe(certificates('shop-b').keyRing);
  });

  it('never verify with a key that only the other one has', async () => {
    await start({ b: { platform: { certificates: true } } });
    expect((await notify(A, 'a', 'public-key')).status).toBe(204);
    expect((await notify(B, 'b', 'public-key')).status).toBe(401);
    expect((await notify(B, 'b', 'certificate')).status).toBe(204);
    expect([dispatcher.downloads(A), dispatcher.downloads(B)]).toEqual([0, 1]);
  });

  it('distrust certificates each for itself', async () => {
    await start();
    expect((await notify(A, 'a', 'certificate')).status).toBe(204);
    expect((await notify(B, 'b', 'certificate')).status).toBe(204);
    certificates('shop-a').distrust(emulator.platformCertificate.serial);
    expect((await notify(A, 'a', 'certificate')).status).toBe(401);
    expect((await notify(B, 'b', 'certificate')).status).toBe(204);
    // nothing in the list is trusted any more, so it is refused whole
    await expect(certificates('shop-a').refresh()).rejects.toMatchObject({
      code: 'CERTIFICATES_INVALID',
    });
    expect((await notify(A, 'a', 'certificate')).status).toBe(401);
  });

  it('wait for unknown serials each for itself, and share the total', async () => {
    await start();
    const unknown = 'F'.repeat(40);
    const send = (mchid: string, path: string): Promise<Answer> => {
      const made = emulator.createNotification(
        'TRANSACTION.SUCCESS',
        {},
        { mchid, serial: unknown },
      );
      return (app as NotifyApp).post({ ...made, path: `/wechatpay/${path}` });
    };
    for (let round = 0; round < 3; round += 1) {
      expect((await send(A, 'a')).status).toBe(401);
      expect((await send(B, 'b')).status).toBe(401);
    }
    expect([dispatcher.downloads(A), dispatcher.downloads(B)]).toEqual([1, 1]);
  });

  it('share one renewal job', async () => {
    const { app: nest } = await start({}, [ScheduleModule.forRoot()]);
    expect(nest.get(SchedulerRegistry).getTimeouts()).toEqual(['wechatpay:renewal']);
  });

  it('cannot have one name', async () => {
    const compiling = Test.createTestingModule({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), name: 'shop' }),
        WechatPayModule.forRoot({ ...emulator.options({ mchid: B }), name: 'shop' }),
      ],
    })
      .setLogger(new RecordingLogger())
      .compile();
    await expect(compiling).rejects.toThrow(WechatPayConfigurationError);
    await expect(compiling).rejects.toThrow('"shop"');
  });
});

describe('the end of an application', () => {
  let emulator: WechatPayEmulator;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  afterAll(() => emulator.close());

  it.each([{ everyMs: 3_600_000 }, { cron: '0 17 3,9,15,21 * * *' }, {}])(
    'leaves no timer behind, and can come twice (renewal %j)',
    async (renewal) => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
      const before = jest.getTimerCount();
      const app = await Test.createTestingModule({
        imports: [WechatPayModule.forRoot({ ...emulator.options(), renewal })],
      }).compile();
      await app.init();
      expect(jest.getTimerCount()).toBe(before + 1);
      await app.close();
      expect(jest.getTimerCount()).toBe(before);
      await expect(app.close()).resolves.toBeUndefined();
    },
  );

  it('ends connections, and later calls say that it is closed', async () => {
    const app = await Test.createTestingModule({
      imports: [WechatPayModule.forRoot(emulator.options())],
    }).compile();
    await app.init();
    const client = app.get<WechatPayClient>(getWechatPayClientToken());
    await expect(client.payments.native.queryByOutTradeNo('absent')).rejects.toMatchObject({
      status: 404,
    });
    await app.close();
    await expect(client.payments.native.queryByOutTradeNo('absent')).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });

  it('is as clean when a test has replaced the guard', async () => {
    @Module({
      imports: ['shop-a', 'shop-b'].map((name) =>
        WechatPayModule.forRoot({ ...emulator.options(), name }),
      ),
      controllers: [NotifyController],
    })
    class AppModule {}
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .overrideGuard(WechatPayNotifyGuard)
      .useValue({ canActivate: () => true })
      .compile();
    const app = testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
    const answer = await fetch(`${await app.getUrl()}/wechatpay/a`, { method: 'POST' });
    expect(answer.status).toBe(204);
    await app.close();
  });
});
