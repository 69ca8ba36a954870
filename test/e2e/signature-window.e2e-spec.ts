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
import { WechatPayModule, WechatPayNotify } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import {
  merchantContext,
  rejection,
  TestClock,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { NotifyApp } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';

const signer = publicKeySigner('platform');
const second = Math.floor(Date.now() / 1000);
/** Milliseconds into the second, seconds away, whether that is accepted. */
const WINDOW = [0, 400, 900, 999].flatMap((ms) =>
  ([-300, -299, 299, 300] as const).map((away) => [ms, away, Math.abs(away) < 300] as const),
);

describe('the clock of an answer', () => {
  let platform: RawPlatform;
  let context: TestContext;
  const clock = new TestClock();

  beforeAll(async () => {
    platform = await RawPlatform.start(undefined, clock.now);
  });
  beforeEach(() => {
    clock.ms = second * 1000;
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
      { clock },
    );
  });
  afterEach(() => context.end());
  afterAll(() => platform.close());

  it.each(WINDOW)(
    '%d ms into the second, and %d s away: accepted %s',
    async (ms, away, isFresh) => {
      clock.ms = second * 1000 + ms;
      const signature = { timestamp: String(second + away) };
      platform.handler = () => ({ body: '{}', signer, signature });
      const code = await context.http.get('/v3/x').then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      expect(code).toBe(isFresh ? undefined : 'SIGNATURE_EXPIRED');
    },
  );

  it('is known after a refusal because of it, from the date of that refusal', async () => {
    const date = new Date((second - 400) * 1000).toUTCString();
    platform.handler = () => ({ status: 401, body: '{"code":"SIGN_ERROR"}', headers: { date } });
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({ status: 401 });
    expect(context.http.clockSkewMs).toBeGreaterThanOrEqual(399_000);
    expect(context.http.clockSkewMs).toBeLessThanOrEqual(401_000);
  });

  it('is never set by a 2xx that does not verify, nor by a refusal without a date', async () => {
    const date = new Date((second - 400) * 1000).toUTCString();
    const timestamp = String(second - 200);
    for (const reply of [
      { body: '{}', headers: { date } },
      { body: '{}', headers: { date }, signer, signature: { value: 'A'.repeat(342) + '==' } },
      { body: '{}', signer, signature: { timestamp, value: 'A'.repeat(342) + '==' } },
      { status: 401, headers: { date: 'yesterday' } },
    ]) {
      platform.handler = () => reply;
      await rejection(context.http.get('/v3/x'));
      expect(context.http.clockSkewMs).toBeUndefined();
    }
  });

  it('is known after an answer that verifies, from what was signed', async () => {
    const date = new Date((second - 400) * 1000).toUTCString();
    const signature = { timestamp: String(second - 60) };
    platform.handler = () => ({ body: '{}', headers: { date }, signer, signature });
    await context.http.get('/v3/x');
    expect(context.http.clockSkewMs).toBeGreaterThanOrEqual(59_000);
    expect(context.http.clockSkewMs).toBeLessThanOrEqual(61_000);
  });
});

describe('the clock of a notification', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(): void {}
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options())],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'helper' });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  it.each(WINDOW)(
    '%d ms into the second, and %d s away: accepted %s',
    async (ms, away, isFresh) => {
      jest.spyOn(Date, 'now').mockReturnValue(second * 1000 + ms);
      const made = paidNotification(emulator, { timestamp: second + away, signer: 'public-key' });
      expect((await app.post(made)).status).toBe(isFresh ? 204 : 401);
    },
  );
});
