import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import {
  CertificateProvider,
  WechatPayClient,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
} from 'nestjs-wechatpay';
import { throwError } from 'rxjs';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { rejection } from '../support/merchant-context.js';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp } from '../support/notify-app.js';
import { Secrets } from '../support/secrets.js';

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const NAME = '欧阳锋';
const ID_NUMBER = '11010119900307001X';

describe('the log of a full run with failures', () => {
  let emulator: WechatPayEmulator;
  let server: NotifyApp;
  let received = 0;
  const posts: { headers: Record<string, string>; body: Buffer }[] = [];

  @Controller('wechatpay')
  class NotifyController {
    @Post('notify')
    @WechatPayNotify()
    handle(@WechatPayNotification() notification: unknown): void {
      received += 1;
      const { payload } = notification as { payload: { out_trade_no: string } };
      if (payload.out_trade_no === 'order-throw') throw new RangeError('the handler failed');
    }
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    const options = emulator.options({
      notifyUrl: 'http://127.0.0.1:9/notify',
      store: {
        changes: () => throwError(() => new Error(`watch of ${OPENID}`)),
        tryLease: () => Promise.reject(new Error(NAME)),
        read: () => Promise.reject(Object.assign(new Error(`redis ${OPENID}`), { command: NAME })),
        writeIfNewer: () => Promise.reject(new Error(emulator.options().credential.privateKey)),
      },
    });
    @Module({
      imports: [WechatPayModule.forRoot({ ...options, http: { retries: 0 } } as never)],
      controllers: [NotifyController],
    })
    class AppModule {}
    server = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'helper' });
  });
  afterAll(async () => {
    await server.app.close();
    await emulator.close();
  });

  const post = async (overrides: object = {}, changes: object = {}): Promise<number> => {
    const { headers, body } = paidNotification(emulator, overrides as never, changes as never);
    posts.push({ headers: headers as Record<string, string>, body });
    return (await server.post({ headers: headers as Record<string, string>, body })).status;
  };

  it('tells what went wrong, and shows no key, signature, person or credential', async () => {
    const client = server.app.get(WechatPayClient);
    const certificates = server.app.get(CertificateProvider);
    const order = (): object => ({
      description: 'tea',
      out_trade_no: `logs-${posts.length}-${Math.floor(performance.now() * 1000)}`,
      amount: { total: 1 },
      payer: { openid: OPENID, identity: { type: 'IDCARD', name: NAME, number: ID_NUMBER } },
    });
    await client.payments.jsapi.prepay(order() as never);
    for (const kind of [
      'status-500',
      'unsigned',
      'bad-signature',
      'signtest',
      'wrong-serial',
      'stale-timestamp',
      'html-502',
      'drop-after-commit',
      'truncated-body',
    ] as const) {
      emulator.addFault({ kind, match: 'POST /v3/pay/' });
      await rejection(client.payments.jsapi.prepay(order() as never));
    }
    const body = JSON.stringify({
      code: 'SYSTEM_ERROR',
      message: `${OPENID} ${emulator.options().credential.privateKey}`,
    });
    emulator.addFault({ kind: 'respond', status: 400, body, match: '/v3/certificates' });
    await rejection(certificates.refresh());
    await certificates.refresh();
    const { serial } = emulator.platformCertificate;
    await emulator.rotate();
    await certificates.refresh();
    certificates.distrust(serial);

    expect(await post()).toBe(204);
    expect(await post({}, { out_trade_no: 'order-throw' })).toBeGreaterThanOrEqual(500);
    expect(await post({ apiV3Key: 'x'.repeat(32) })).toBeGreaterThanOrEqual(500);
    expect(await post({}, { mchid: '1900000099' })).toBe(401);
    const good = paidNotification(emulator);
    const tampered = await server.post({
      headers: good.headers as never,
      body: Buffer.concat([good.body, Buffer.from(' ')]),
    });
    expect(tampered.status).toBe(401);
    const signtest = await server.post({
      headers: {
        ...good.headers,
        'Wechatpay-Signature': `WECHATPAY/SIGNTEST/${'A'.repeat(325)}`,
      } as never,
      body: good.body,
    });
    expect(signtest.status).toBe(401);
    expect(received).toBeGreaterThanOrEqual(2);
    await server.app.close();

    const log = server.logger.textOf();
    const levels = new Set(server.logger.lines.map(({ level }) => level));
    expect([...levels]).toEqual(expect.arrayContaining(['debug', 'log', 'warn', 'error']));
    expect(log).toContain('no longer accepted, by decision of the application');
    expect(log).toContain('APIv3密钥');
    const { privateKey, certificate, apiV3Key } = emulator.options().credential;
    const signatures = posts.map(
      ({ headers }) => headers['Wechatpay-Signature'] ?? headers['wechatpay-signature'] ?? '',
    );
    expect(signatures.every((signature) => signature.length > 100)).toBe(true);
    new Secrets([
      privateKey,
      certificate,
      apiV3Key,
      OPENID,
      NAME,
      ID_NUMBER,
      ...signatures,
    ]).expectNoneIn(log, 'the log');
  });
});
