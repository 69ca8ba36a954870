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
import { Controller, Module, Post } from '@nestjs/common';
import {
  CertificateProvider,
  WechatPayModule,
  WechatPayNotify,
  type CredentialMaterial,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp, type PlatformName } from '../support/notify-app.js';

const PLATFORMS: readonly PlatformName[] = ['express', 'fastify'];
const OUR_FAULT = { status: 500, json: { code: 'FAIL', message: '处理失败' } };

describe.each(PLATFORMS)('a fault of the application’s own on %s', (platform) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;
  let handled: number;

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(): void {
      handled += 1;
    }
  }

  async function start(credential: WechatPayOptions['credential']): Promise<void> {
    @Module({
      imports: [WechatPayModule.forRoot({ ...emulator.options(), credential })],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody: 'rawBody' });
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });

  beforeEach(() => {
    handled = 0;
  });

  afterEach(() => app.close());

  afterAll(() => emulator.close());

  const material = (): CredentialMaterial => {
    const { apiV3Key, ...keys } = emulator.options().credential;
    return { ...keys, apiV3Keys: [apiV3Key] };
  };
  const send = () => app.post(paidNotification(emulator, { signer: 'public-key' }));

  it('is a credential that cannot be loaded: 5xx, and genuine ones are taken once it can', async () => {
    let isBroken = true;
    await start({
      load: () =>
        isBroken ? Promise.reject(new Error('vault sealed: hunter2')) : Promise.resolve(material()),
    });
    expect(await send()).toMatchObject(OUR_FAULT);
    expect(app.logger.textOf('error')).toContain('cannot be loaded from its source');
    expect(app.logger.textOf()).not.toContain('hunter2');
    isBroken = false;
    expect((await send()).status).toBe(204);
    expect(handled).toBe(1);
  });

  it('is a credential that makes no sense: 5xx, with every problem in the log alone', async () => {
    await start({ load: () => Promise.resolve({ ...material(), apiV3Keys: ['short', 'too'] }) });
    expect(await send()).toMatchObject(OUR_FAULT);
    const logged = app.logger.textOf('error');
    expect(logged).toContain('credential.apiV3Key (APIv3密钥) is 5 bytes');
    expect(logged).toContain('credential.apiV3Key[1] (APIv3密钥) is 3 bytes');
    expect(handled).toBe(0);
  });

  it('is a wrong APIv3 key: 5xx, and the log says which key to set', async () => {
    const { credential } = emulator.options();
    await start({ ...credential, apiV3Key: 'x'.repeat(32) });
    expect(await send()).toMatchObject(OUR_FAULT);
    expect(app.logger.textOf('error')).toMatch(
      /^api-v3-key-wrong mchid=\d+: .*credential\.apiV3Key is not the APIv3 key/,
    );
    expect(app.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('is a wrong APIv3 key from the start, with certificates alone: 5xx, and an error log', async () => {
    const { credential } = emulator.options();
    await start({ ...credential, apiV3Key: 'x'.repeat(32) });
    const signed = paidNotification(emulator, { signer: 'certificate' });
    expect(await app.post(signed)).toMatchObject(OUR_FAULT);
    expect(app.logger.textOf('error')).toContain('APIv3密钥');
    expect(handled).toBe(0);
  });

  it('is not a previous APIv3 key: that opens, with a warning', async () => {
    const { credential } = emulator.options();
    await start({ ...credential, apiV3Key: ['x'.repeat(32), credential.apiV3Key] });
    expect((await send()).status).toBe(204);
    expect(app.logger.textOf('warn')).toContain('previous APIv3 key');
    expect(handled).toBe(1);
  });

  it.each([new Error('no key ring'), 'no key ring'])(
    'is anything unforeseen while verifying: 5xx, never 401 and never success',
    async (thrown: unknown) => {
      await start(emulator.options().credential);
      const ring = jest
        .spyOn(app.app.get(CertificateProvider), 'keyRing', 'get')
        .mockImplementation(() => {
          throw thrown;
        });
      expect(await send()).toMatchObject(OUR_FAULT);
      ring.mockRestore();
      const errors = app.logger.lines.filter(({ level }) => level === 'error');
      const reason = thrown instanceof Error ? thrown.message : 'unknown error';
      expect(errors).toEqual([
        { level: 'error', text: `[default] ${reason} WechatPayNotifyGuard` },
      ]);
      expect(handled).toBe(0);
    },
  );

  it('is none when a stranger is refused: nothing above the debug level', async () => {
    await start(emulator.options().credential);
    app.logger.clear();
    const serial = `PUB_KEY_ID_${'7'.repeat(32)}`;
    expect((await app.post(paidNotification(emulator, { serial }))).status).toBe(401);
    expect(app.logger.textOf('debug')).toContain(`[default] Notification refused`);
    expect(app.logger.textOf('debug')).toContain(serial);
    expect(app.logger.textOf('log', 'warn', 'error', 'fatal')).toBe('');
  });
});
