import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CertificateProvider,
  getCertificateProviderToken,
  getMerchantCredentialProviderToken,
  getWechatPayClientToken,
  getWechatPayHttpToken,
  InjectWechatPayClient,
  InjectWechatPayHttp,
  MerchantCredentialProvider,
  WechatPayClient,
  wechatPayConfig,
  WechatPayHealthIndicator,
  WechatPayHttpService,
  WechatPayModule,
  WechatPayNotifyGuard,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { RecordingLogger } from '../support/recording-logger.js';

const OPTIONS = Symbol('options');
let emulator: WechatPayEmulator;
let compiled: TestingModule | undefined;

@Injectable()
class OptionsFactory {
  createWechatPayOptions(): WechatPayOptions {
    return emulator.options();
  }
}

@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

@Module({
  providers: [{ provide: OPTIONS, useFactory: () => emulator.options() }],
  exports: [OPTIONS],
})
class SettingsModule {}

const FORMS: readonly (readonly [string, () => DynamicModule])[] = [
  ['forRoot', () => WechatPayModule.forRoot(emulator.options())],
  [
    'forRootAsync with a factory',
    () => WechatPayModule.forRootAsync({ useFactory: () => emulator.options() }),
  ],
  [
    'forRootAsync with a factory that takes its time',
    () => WechatPayModule.forRootAsync({ useFactory: async () => emulator.options() }),
  ],
  [
    'forRootAsync with inject and imports',
    () =>
      WechatPayModule.forRootAsync({
        imports: [SettingsModule],
        inject: [OPTIONS],
        useFactory: (options: WechatPayOptions) => options,
      }),
  ],
  [
    'forRootAsync with inject and extraProviders',
    () =>
      WechatPayModule.forRootAsync({
        extraProviders: [{ provide: OPTIONS, useFactory: () => emulator.options() }],
        inject: [OPTIONS],
        useFactory: (options: WechatPayOptions) => options,
      }),
  ],
  ['forRootAsync with a class', () => WechatPayModule.forRootAsync({ useClass: OptionsFactory })],
  [
    'forRootAsync with an existing provider',
    () => WechatPayModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory }),
  ],
];

beforeAll(async () => {
  emulator = await WechatPayEmulator.start();
});

afterEach(async () => {
  await compiled?.close();
  compiled = undefined;
});

afterAll(() => emulator.close());

async function compile(
  imports: (DynamicModule | Type)[],
  providers: Type[] = [],
): Promise<TestingModule> {
  compiled = await Test.createTestingModule({ imports, providers }).compile();
  return compiled.init();
}

describe('a registration', () => {
  it.each(FORMS)('by %s gives a client that pays', async (_, form) => {
    const app = await compile([form()]);
    const client = app.get(WechatPayClient);
    const order = {
      description: 'tea',
      out_trade_no: `order-${Math.trunc(performance.now() * 1000)}`,
      amount: { total: 100 },
      notify_url: 'http://127.0.0.1:9/notify',
    };
    expect(await client.payments.native.prepay(order)).toMatchObject({
      code_url: expect.stringMatching(/^weixin:/) as unknown,
    });
  });

  it('from the environment takes keys with literal line breaks', async () => {
    const { mchid, appid, credential, baseUrl } = emulator.options();
    const oneLine = (pem: string): string => pem.replaceAll('\n', '\\n');
    const variables = {
      WECHATPAY_ENVTEST_MCHID: mchid,
      WECHATPAY_ENVTEST_APPID: appid,
      WECHATPAY_ENVTEST_PRIVATE_KEY: oneLine(credential.privateKey),
      WECHATPAY_ENVTEST_CERTIFICATE: oneLine(credential.certificate),
      WECHATPAY_ENVTEST_API_V3_KEY: credential.apiV3Key,
      WECHATPAY_ENVTEST_BASE_URL: baseUrl,
    };
    Object.assign(process.env, variables);
    try {
      const config = wechatPayConfig.for('envtest');
      const app = await compile([
        WechatPayModule.forRootAsync({ ...config.asProvider(), name: 'envtest' } as never),
      ]);
      const provider = app.get<MerchantCredentialProvider>(
        getMerchantCredentialProviderToken('envtest'),
      );
      expect(provider.credential?.serialNo).toMatch(/^0E3A11A7/);
      expect(
        await app.get<CertificateProvider>(getCertificateProviderToken('envtest')).refresh(),
      ).toMatchObject({ keys: [{ kind: 'certificate' }] });
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
    }
  });

  it('without a name gives each part by class and by token, once', async () => {
    const app = await compile([WechatPayModule.forRoot(emulator.options())]);
    expect(app.get(getWechatPayClientToken())).toBe(app.get(WechatPayClient));
    expect(app.get(getWechatPayHttpToken())).toBe(app.get(WechatPayHttpService));
    expect(app.get(getCertificateProviderToken())).toBe(app.get(CertificateProvider));
    expect(app.get(getMerchantCredentialProviderToken())).toBe(app.get(MerchantCredentialProvider));
    expect(app.get(WechatPayClient).http).toBe(app.get(WechatPayHttpService));
    expect(app.get(getWechatPayClientToken('default'))).toBe(app.get(WechatPayClient));
  });

  it('with a name gives tokens, and no class that could mean another merchant', async () => {
    const app = await compile([WechatPayModule.forRoot({ ...emulator.options(), name: 'shop-b' })]);
    expect(app.get(getWechatPayClientToken('shop-b'))).toBeInstanceOf(WechatPayClient);
    expect(() => app.get(WechatPayClient)).toThrow();
    expect(() => app.get(WechatPayHttpService)).toThrow();
    expect(() => app.get(getWechatPayClientToken())).toThrow();
  });

  it('makes the guard and the health indicator known everywhere', async () => {
    const app = await compile([WechatPayModule.forRoot({ ...emulator.options(), name: 'shop-b' })]);
    expect(app.get(WechatPayNotifyGuard)).toBeInstanceOf(WechatPayNotifyGuard);
    expect(app.get(WechatPayHealthIndicator)).toBeInstanceOf(WechatPayHealthIndicator);
  });
});

describe('the parts of a merchant', () => {
  @Injectable()
  class Shop {
    constructor(
      @Inject(WechatPayClient) readonly byClass: WechatPayClient,
      @InjectWechatPayClient() readonly byName: WechatPayClient,
      @InjectWechatPayHttp() readonly http: WechatPayHttpService,
    ) {}
  }

  @Module({ providers: [Shop] })
  class ShopModule {}

  it('are injected in a module that imports the registration', async () => {
    const app = await compile([WechatPayModule.forRoot(emulator.options())], [Shop]);
    const shop = app.get(Shop);
    expect(shop.byClass).toBe(shop.byName);
    expect(shop.http).toBe(shop.byName.http);
  });

  it('are injected anywhere with isGlobal, and nowhere else without', async () => {
    const global = WechatPayModule.forRoot({ ...emulator.options(), isGlobal: true });
    const app = await compile([global, ShopModule]);
    expect(app.get(Shop, { strict: false }).byName).toBeInstanceOf(WechatPayClient);
    await expect(
      Test.createTestingModule({
        imports: [WechatPayModule.forRoot(emulator.options()), ShopModule],
      })
        .setLogger(new RecordingLogger())
        .compile(),
    ).rejects.toThrow(/WechatPayClient/);
  });

  it.each([false, true])('are global by forRootAsync too: %s', async (isGlobal) => {
    const useFactory = (): WechatPayOptions => emulator.options();
    const compiling = Test.createTestingModule({
      imports: [WechatPayModule.forRootAsync({ useFactory, isGlobal }), ShopModule],
    })
      .setLogger(new RecordingLogger())
      .compile();
    if (!isGlobal) return expect(compiling).rejects.toThrow(/WechatPayClient/);
    compiled = await compiling;
    expect(compiled.get(Shop, { strict: false }).http).toBeInstanceOf(WechatPayHttpService);
  });

  it('can be replaced in a test by their token', async () => {
    const fake = { payments: 'fake', http: 'fake' };
    compiled = await Test.createTestingModule({
      imports: [WechatPayModule.forRoot(emulator.options())],
      providers: [Shop],
    })
      .overrideProvider(getWechatPayClientToken())
      .useValue(fake)
      .compile();
    expect(compiled.get(Shop)).toMatchObject({ byClass: fake, byName: fake });
  });

  it('can be replaced in a test by their class', async () => {
    const fake = { payments: 'fake' };
    compiled = await Test.createTestingModule({
      imports: [WechatPayModule.forRoot(emulator.options())],
      providers: [Shop],
    })
      .overrideProvider(WechatPayClient)
      .useValue(fake)
      .compile();
    expect(compiled.get(Shop).byClass).toBe(fake);
  });
});
