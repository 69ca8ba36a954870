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
import { WechatPayModule, WechatPayNotification, WechatPayNotify } from 'nestjs-wechatpay';
import { WechatPayEmulator, type EmulatorNotificationOverrides } from 'nestjs-wechatpay-emulator';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { statusOf } from '../support/hostile-case.js';
import { HOSTILE_CASES } from '../support/hostile-notifications.js';
import { paidNotification } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp } from '../support/notify-app.js';

/** Where the guard answers. */
const FAIL = { code: 'FAIL', message: expect.any(String) as unknown };
/** Nothing of this may be told to a stranger. */
const LEAKS =
  /\bat .*[.:]\d+|node_modules|\/lib\/|0E3A11A7|PUB_KEY_ID|emulatorOnly|apiV3|wechatpay-|serial|signature|certificate|oUpF8u|WechatPay\w*Error/i;

/** The second that all tests run in: the window is measured to the millisecond. */
const now = Math.floor(Date.now() / 1000) * 1000;

/** Genuine ones in forms that the platform may choose. */
const WELCOME: readonly (readonly [string, () => EmulatorNotificationOverrides])[] = [
  ['299 s old', () => ({ timestamp: now / 1000 - 299 })],
  ['299 s ahead', () => ({ timestamp: now / 1000 + 299 })],
  ['signed by the public key', () => ({ signer: 'public-key' })],
  ['without a signature type', () => ({ signatureType: null })],
  ['without associated data', () => ({ associatedData: null })],
  ['with empty associated data', () => ({ associatedData: '' })],
  ['with a charset', () => ({ headers: { 'content-type': 'application/json; charset=utf-8' } })],
  ['of type APPLICATION/JSON', () => ({ headers: { 'content-type': 'APPLICATION/JSON' } })],
  ['with a nonce of 128 characters', () => ({ nonce: 'n'.repeat(128) })],
];

describe.each(COMBINATIONS)('a notification route on %s with %s', (platform, mode) => {
  let emulator: WechatPayEmulator;
  let dispatcher: CountingDispatcher;
  let app: NotifyApp;
  let clock: jest.SpiedFunction<typeof Date.now>;
  const received: WechatPayNotification[] = [];
  const escaped: unknown[] = [];
  const onEscaped = (error: unknown): number => escaped.push(error);

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(@WechatPayNotification() notification: unknown): void {
      received.push(notification as WechatPayNotification);
    }
  }

  beforeAll(async () => {
    process.on('unhandledRejection', onEscaped);
    emulator = await WechatPayEmulator.start({ now: () => Date.now() });
    dispatcher = new CountingDispatcher();
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options({ http: { dispatcher } }))],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody: mode });
  });

  beforeEach(() => {
    clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    received.length = 0;
    app.logger.clear();
  });

  afterEach(() => {
    clock.mockRestore();
  });

  afterAll(async () => {
    await app.close();
    await dispatcher.close();
    await emulator.close();
    process.off('unhandledRejection', onEscaped);
  });

  it('hands a genuine one over and answers 204 without a body', async () => {
    const genuine = paidNotification(emulator);
    expect(await app.post(genuine)).toMatchObject({ status: 204, text: '' });
    expect(received).toMatchObject([
      {
        id: genuine.id,
        eventType: 'TRANSACTION.SUCCESS',
        originalType: 'transaction',
        merchant: 'default',
        mchid: emulator.mchid,
        payload: { out_trade_no: 'order-0001', amount: { total: 100 } },
      },
    ]);
    expect(Object.isFrozen(received[0])).toBe(true);
  });

  it.each(HOSTILE_CASES)('refuses $name', async (hostile) => {
    const status = statusOf(hostile, platform, mode);
    const answer = await app.post(hostile.make(emulator));
    expect(answer.status).toBe(status);
    expect(received).toEqual([]);
    expect(answer.text).not.toMatch(LEAKS);
    if (status === 401) expect(answer.json).toEqual({ code: 'FAIL', message: '验签失败' });
    if (status === 500) expect(answer.json).toEqual({ code: 'FAIL', message: '处理失败' });
    if (status === 500) expect(app.logger.textOf('error')).toContain('APIv3密钥');
    expect(app.logger.textOf()).not.toMatch(/emulatorOnly|oUpF8u/);
  });

  it.each(WELCOME)('accepts one %s', async (_, overrides) => {
    const answer = await app.post(paidNotification(emulator, overrides()));
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(received).toHaveLength(1);
  });

  it('accepts one in pieces, without a length', async () => {
    const answer = await app.post({ ...paidNotification(emulator), isChunked: true });
    expect(answer.status).toBe(204);
    expect(received).toHaveLength(1);
  });

  it.each(['?a=1', '?__proto__[x]=1&url=http://127.0.0.1:9/', '?%00', '#x'])(
    'accepts a genuine one under the query %s, and redirects nobody',
    async (query) => {
      const answer = await app.post({
        ...paidNotification(emulator),
        path: `/wechatpay/notify${query}`,
      });
      expect(answer).toMatchObject({ status: 204, text: '' });
    },
  );

  it('refuses one that is sent again after the window', async () => {
    const genuine = paidNotification(emulator);
    expect((await app.post(genuine)).status).toBe(204);
    clock.mockReturnValue(now + 299_000);
    expect((await app.post(genuine)).status).toBe(204);
    clock.mockReturnValue(now + 300_000);
    expect(await app.post(genuine)).toMatchObject({ status: 401, json: FAIL });
    expect(received).toHaveLength(2);
  });

  it('lives on, with nothing thrown past it', async () => {
    expect((await app.post(paidNotification(emulator))).status).toBe(204);
    expect(escaped).toEqual([]);
  });
});
