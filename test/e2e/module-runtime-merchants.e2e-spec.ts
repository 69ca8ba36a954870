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
import { Test, type TestingModule } from '@nestjs/testing';
import {
  WechatPayConfigurationError,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayModule,
  type WechatPayMerchantsOptions,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { rejection } from '../support/merchant-context.js';
import { RecordingLogger } from '../support/recording-logger.js';

describe('merchants at run time', () => {
  let emulator: WechatPayEmulator;
  let app: TestingModule | undefined;
  let dispatcher: CountingDispatcher;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({});
    for (const mchid of ['1900000002', '1900000003', '1900000004']) {
      await emulator.addMerchant({ mchid });
    }
  });
  beforeEach(() => {
    dispatcher = new CountingDispatcher();
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    await dispatcher.close();
  });
  afterAll(() => emulator.close());

  const optionsOf = (mchid: string): WechatPayOptions => ({
    ...emulator.options({ mchid }),
    http: { dispatcher },
  });
  const start = async (options: WechatPayMerchantsOptions = {}): Promise<WechatPayMerchants> => {
    app = await Test.createTestingModule({ imports: [WechatPayMerchantsModule.forRoot(options)] })
      .setLogger(new RecordingLogger())
      .compile();
    await app.init();
    return app.get(WechatPayMerchants);
  };
  const order = (merchants: WechatPayMerchants, mchid: string, number: string) =>
    merchants.get(mchid).then(({ client }) =>
      client.payments.native.prepay({
        description: '龙井茶',
        out_trade_no: number,
        notify_url: 'http://127.0.0.1:9/notify',
        amount: { total: 1200 },
      }),
    );

  it('are added, used and removed', async () => {
    const merchants = await start();
    const context = await merchants.add(optionsOf('1900000002'));
    expect(merchants.find('1900000002')).toBe(context);
    await expect(order(merchants, '1900000002', 'runtime-0001')).resolves.toMatchObject({
      code_url: expect.any(String),
    });
    let isComplete = false;
    context.certificates.keyRing$.subscribe({ complete: () => (isComplete = true) });
    expect(merchants.remove('1900000002')).toBe(true);
    expect(isComplete).toBe(true);
    expect(merchants.names).toEqual([]);
    expect(merchants.remove('1900000002')).toBe(false);
    await expect(rejection(merchants.get('1900000002'))).resolves.toMatchObject({
      code: 'MERCHANT_UNKNOWN',
    });
  });

  it('may have a name of their own, which nobody else may take', async () => {
    const merchants = await start();
    await merchants.add(optionsOf('1900000002'), 'shop-b');
    await expect(merchants.get('shop-b')).resolves.toMatchObject({ mchid: '1900000002' });
    await expect(
      rejection(merchants.add(optionsOf('1900000003'), 'shop-b')),
    ).resolves.toBeInstanceOf(WechatPayConfigurationError);
  });

  it('are refused with every problem of their options', async () => {
    const merchants = await start();
    const bad = { ...optionsOf('1900000002'), mchid: 'x', notifyUrl: 'y' };
    const error = await rejection(merchants.add(bad));
    expect((error as unknown as WechatPayConfigurationError).problems.length).toBeGreaterThan(1);
  });

  it('are resolved once for all who wait, and unloaded when others need the room', async () => {
    const resolve = jest.fn(async (mchid: string) => optionsOf(mchid));
    const merchants = await start({ resolve, maxLoaded: 2 });
    const all = await Promise.all(Array.from({ length: 5 }, () => merchants.get('1900000002')));
    expect(new Set(all).size).toBe(1);
    expect(resolve).toHaveBeenCalledTimes(1);
    await merchants.get('1900000003');
    await merchants.get('1900000002'); // used again: it stays
    await merchants.get('1900000004');
    expect(merchants.names).toEqual(['1900000002', '1900000004']);
    await expect(order(merchants, '1900000003', 'runtime-0002')).resolves.toBeDefined(); // comes back
    expect(resolve.mock.calls.map(([mchid]) => mchid)).toEqual([
      '1900000002',
      '1900000003',
      '1900000004',
      '1900000003',
    ]);
  });

  it('that were added or registered are never unloaded', async () => {
    const merchants = await start({ resolve: optionsOf, maxLoaded: 1 });
    await merchants.add(optionsOf('1900000002'));
    await merchants.get('1900000003');
    await merchants.get('1900000004');
    expect(merchants.names).toEqual(['1900000002', '1900000004']);
  });

  it('are looked for once a minute when there are none, and never by a name that is no mchid', async () => {
    const resolve = jest.fn(() => undefined);
    const merchants = await start({ resolve });
    for (const mchid of ['1900000009', '1900000009', '../x', '__proto__', '', 'constructor']) {
      await expect(rejection(merchants.get(mchid))).resolves.toMatchObject({
        code: 'MERCHANT_UNKNOWN',
      });
    }
    expect(resolve.mock.calls).toEqual([['1900000009']]);
    await merchants.add(optionsOf('1900000003')); // and can be added at once
  });

  it('must be the ones that were asked for', async () => {
    const merchants = await start({ resolve: () => optionsOf('1900000003') });
    await expect(rejection(merchants.get('1900000002'))).resolves.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
    expect(merchants.names).toEqual([]);
  });

  it('are found among those registered with the module', async () => {
    app = await Test.createTestingModule({
      imports: [WechatPayModule.forRoot(optionsOf('1900000002'))],
    }).compile();
    expect(app.get(WechatPayMerchants, { strict: false }).find('default')?.mchid).toBe(
      '1900000002',
    );
  });

  it.each([
    { maxLoaded: 0 },
    { maxLoaded: 1.5 },
    { resolve: 'x' },
    { queue: { enqueue: () => undefined } },
    { inbox: {} },
    { maxloaded: 1 },
  ])('cannot be configured with %j', async (options) => {
    await expect(rejection(start(options as never))).resolves.toBeInstanceOf(
      WechatPayConfigurationError,
    );
  });
});
