import { Agent as HttpAgent } from 'node:http';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import {
  CertificateProvider,
  WechatPayModule,
  WechatPayNotify,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { paidNotification } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp, type Answer } from '../support/notify-app.js';

const now = Math.floor(Date.now() / 1000) * 1000;

describe.each(COMBINATIONS)('keys that strangers name, on %s with %s', (platform, mode) => {
  let emulator: WechatPayEmulator;
  let dispatcher: CountingDispatcher;
  let app: NotifyApp;
  let clock: jest.SpiedFunction<typeof Date.now>;
  const connections = new HttpAgent({ keepAlive: true, maxSockets: 20 });
  let handled = 0;

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(): void {
      handled += 1;
    }
  }

  async function start(changes: Partial<WechatPayOptions> = {}): Promise<void> {
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), http: { dispatcher }, ...changes }),
      ],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody: mode });
  }

  beforeEach(async () => {
    clock = jest.spyOn(Date, 'now').mockReturnValue(now);
    handled = 0;
    emulator = await WechatPayEmulator.start({ now: () => Date.now() });
    dispatcher = new CountingDispatcher();
  });

  afterEach(async () => {
    clock.mockRestore();
    await app.close();
    await dispatcher.close();
    await emulator.close();
  });

  afterAll(() => connections.destroy());

  const serial = (index: number): string => index.toString(16).padStart(40, 'A').toUpperCase();
  const post = (overrides: Parameters<typeof paidNotification>[1]): Promise<Answer> =>
    app.post({ ...paidNotification(emulator, overrides), agent: connections });

  it('download once for a thousand unknown serials, and keep none of them', async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => post({ serial: serial(index) })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(dispatcher.downloads()).toBe(1);
    const { keyRing } = app.app.get(CertificateProvider);
    expect(keyRing.keys).toHaveLength(2);
    expect(handled).toBe(0);
    expect((await post({})).status).toBe(204);
    expect(dispatcher.downloads()).toBe(1);
  }, 60_000); // a thousand requests take their time on a busy machine

  it('download once more when a minute has passed, not a moment before', async () => {
    await start();
    await post({ serial: serial(1) });
    clock.mockReturnValue(now + 59_999);
    await post({ serial: serial(2) });
    expect(dispatcher.downloads()).toBe(1);
    clock.mockReturnValue(now + 60_000);
    await post({ serial: serial(3) });
    await post({ serial: serial(4) });
    expect(dispatcher.downloads()).toBe(2);
  });

  it('download nothing for an unknown PUB_KEY_ID_, however many', async () => {
    await start();
    for (let index = 0; index < 20; index += 1) {
      const answer = await post({ serial: `PUB_KEY_ID_${String(index).padStart(32, '0')}` });
      expect(answer).toMatchObject({ status: 401, json: { code: 'FAIL', message: '验签失败' } });
    }
    expect(dispatcher.downloads()).toBe(0);
  });

  it('download nothing for what is malformed or too old', async () => {
    await start();
    await post({ serial: 'not-hex!' });
    await post({ serial: '__proto__' });
    await post({ serial: serial(1), timestamp: now / 1000 - 300 });
    await post({ serial: serial(1), signatureType: 'WECHATPAY2-SM2-WITH-SM3' });
    expect(dispatcher.downloads()).toBe(0);
  });

  it('download nothing where certificates are off', async () => {
    const { id, key } = emulator.publicKey;
    await start({ platform: { certificates: false, publicKey: { id, key } } });
    expect((await post({ serial: serial(1) })).status).toBe(401);
    expect((await post({ signer: 'certificate' })).status).toBe(401);
    expect((await post({ signer: 'public-key' })).status).toBe(204);
    expect(dispatcher.downloads()).toBe(0);
  });

  it('are learnt when the platform has changed to a new certificate', async () => {
    await start();
    expect((await post({})).status).toBe(204);
    await emulator.rotate();
    clock.mockReturnValue(now + 60_000);
    expect((await post({})).status).toBe(204);
    expect(dispatcher.downloads()).toBe(2);
    expect(handled).toBe(2);
  });

  it('are refused while the platform cannot be reached, and accepted once it can', async () => {
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500' });
    await start();
    expect(await post({})).toMatchObject({ status: 401, json: { code: 'FAIL' } });
    clock.mockReturnValue(now + 60_000);
    expect((await post({})).status).toBe(204);
  });

  it('write one line a minute while no list opens with the APIv3 key, however many come', async () => {
    const { credential } = emulator.options();
    await start({ credential: { ...credential, apiV3Key: 'x'.repeat(32) } });
    const ours = /^\[default\] /;
    const lines = (): number =>
      app.logger.lines.filter(({ level, text }) => level === 'error' && ours.test(text)).length;
    for (let index = 0; index < 20; index += 1) {
      expect((await post({ serial: serial(index) })).status).toBe(500);
    }
    expect(lines()).toBe(1);
    clock.mockReturnValue(now + 59_999);
    await post({ serial: serial(21) });
    expect(lines()).toBe(1);
    clock.mockReturnValue(now + 60_000);
    await post({ serial: serial(22) });
    await post({ serial: serial(23) });
    expect(lines()).toBe(2);
  });

  it('are compared without regard to leading zeros and case', async () => {
    await start();
    const { serial: known } = emulator.platformCertificate;
    expect((await post({ serial: known.replace(/^0+/, '').toLowerCase() })).status).toBe(204);
  });

  it('verify nothing once they have expired', async () => {
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500', times: 100 });
    await start();
    emulator.clearFaults();
    expect((await post({})).status).toBe(204);
    const expiry = Math.max(
      ...app.app
        .get(CertificateProvider)
        .keyRing.keys.filter(({ kind }) => kind === 'certificate')
        .map(({ notAfterMs }) => notAfterMs),
    );
    clock.mockReturnValue(expiry - 1000);
    expect((await post({})).status).toBe(204);
    clock.mockReturnValue(expiry);
    expect((await post({})).status).toBe(401);
  });
});
