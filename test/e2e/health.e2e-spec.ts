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
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import {
  getCertificateProviderToken,
  getWechatPayClientToken,
  MerchantCredentialProvider,
  WechatPayHealthIndicator,
  WechatPayMerchants,
  WechatPayModule,
  type CertificateProvider,
  type CredentialMaterial,
  type CredentialSource,
  type WechatPayClient,
  type WechatPayCredentialOptions,
  type WechatPayHealthOptions,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { NotifyApp } from '../support/notify-app.js';

const DAY = 86_400_000;
const B = '1900000002';
/** Terminus 12 knows a degraded state; under terminus 11 it is data beside `up`. */
const hasDegraded = 'degraded' in new HealthIndicatorService().check('probe');

interface Report {
  readonly status: 'up' | 'down' | 'degraded';
  readonly degraded?: boolean;
  readonly merchants: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(WechatPayHealthIndicator) private readonly wechatPay: WechatPayHealthIndicator,
  ) {}

  @Get()
  check(): unknown {
    return this.health.check([() => this.wechatPay.check('wechatpay')]);
  }
}

describe('the health of payments', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;
  let clock: jest.SpiedFunction<typeof Date.now>;
  let now: number;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ now: () => Date.now() });
    await emulator.addMerchant({ mchid: B });
  });

  beforeEach(() => {
    now = Date.now();
    clock = jest.spyOn(Date, 'now').mockImplementation(() => now);
  });

  afterEach(async () => {
    clock.mockRestore();
    emulator.clearFaults();
    await app.close();
  });

  afterAll(() => emulator.close());

  async function start(merchants: Readonly<Record<string, WechatPayOptions>>): Promise<void> {
    @Module({
      imports: [
        TerminusModule.forRoot({ logger: false }),
        ...Object.entries(merchants).map(([name, options]) =>
          WechatPayModule.forRoot({ ...options, name }),
        ),
      ],
      controllers: [HealthController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'none' });
  }

  const withCertificates = (): WechatPayOptions =>
    emulator.options({ platform: { certificates: true } });
  const report = (options?: WechatPayHealthOptions): Report => {
    const result = app.app.get(WechatPayHealthIndicator).check('wechatpay', options);
    return result['wechatpay'] as unknown as Report;
  };
  const certificates = (name = 'default'): CertificateProvider =>
    app.app.get(getCertificateProviderToken(name));
  const probe = async (): Promise<{ status: number; json: { status: string } }> => {
    const answer = await app.post({ headers: {}, body: '', path: '/health', method: 'GET' });
    return { status: answer.status, json: answer.json as { status: string } };
  };
  const fail = async (times: number): Promise<void> => {
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500', times });
    for (let failed = 0; failed < times; failed += 1) {
      await expect(certificates().refresh()).rejects.toThrow();
    }
  };
  const expectDegraded = async (reason: RegExp): Promise<void> => {
    const { status, degraded, merchants } = report();
    expect({ status, degraded }).toEqual(
      hasDegraded ? { status: 'degraded', degraded: undefined } : { status: 'up', degraded: true },
    );
    expect(merchants['default']).toMatchObject({
      state: 'degraded',
      reasons: [expect.stringMatching(reason)],
    });
    const { status: http, json } = await probe();
    expect([http, json.status]).toEqual([200, hasDegraded ? 'degraded' : 'ok']);
  };

  it('is up before the first use, and no download is made to find out', async () => {
    await start({ default: withCertificates() });
    expect(report()).toEqual({
      status: 'up',
      merchants: { default: { state: 'up', reasons: ['keys are loaded on first use'] } },
    });
    expect(await probe()).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(certificates().keyRing.keys).toEqual([]);
    expect(certificates().status.lastSuccessAtMs).toBeUndefined();
  });

  it('is up once certificates are there, and says nothing more', async () => {
    await start({ default: withCertificates() });
    await certificates().refresh();
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
  });

  it('is up with a public key alone, before and after', async () => {
    const { id, key } = emulator.publicKey;
    const platform = { certificates: false, publicKey: { id, key } };
    await start({ default: emulator.options({ platform }) });
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
    now += 100 * 365 * DAY;
    expect(report({ details: true }).merchants['default']).toMatchObject({
      platformKeys: [{ id, kind: 'publicKey' }],
      reasons: ['the merchant certificate (商户API证书) has expired'],
    });
  });

  it('is degraded from 30 days before the last platform certificate expires', async () => {
    const { privateKey, apiV3Key } = emulator.options().credential;
    // With a serial in place of its certificate the merchant's own expiry is not known.
    const credential = { privateKey, apiV3Key, serialNo: emulator.merchants[0]?.serial };
    await start({ default: { ...withCertificates(), credential } });
    const { keys } = await certificates().refresh();
    const expiry = Math.max(...keys.map(({ notAfterMs }) => notAfterMs));
    now = expiry - 30 * DAY;
    await certificates().refresh();
    expect(report().status).toBe('up');
    expect(report().degraded).toBeUndefined();
    now += 1;
    await expectDegraded(/last platform certificate expires within 30 days/);
  });

  it('is degraded as early as renewBeforeMs says', async () => {
    const renewal = { renewBeforeMs: 45 * DAY };
    await start({ default: { ...withCertificates(), renewal } });
    await certificates().refresh();
    const { merchants } = report({ details: true });
    const days = merchants['default']?.['merchantCertificateDaysLeft'] as number;
    now += (days - 46) * DAY;
    expect(String(report().merchants['default']?.['reasons'])).not.toContain('商户API证书');
    now += 2 * DAY;
    await certificates().refresh();
    expect(report().merchants['default']).toMatchObject({
      state: 'degraded',
      reasons: [
        'the last platform certificate expires within 45 days',
        'the merchant certificate (商户API证书) expires within 45 days',
      ],
    });
  });

  it('is degraded from 30 days before the merchant certificate expires', async () => {
    await start({ default: emulator.options() });
    const { merchants } = report({ details: true });
    const days = merchants['default']?.['merchantCertificateDaysLeft'] as number;
    expect(days).toBeGreaterThan(300);
    now += (days - 31) * DAY;
    expect(report().status).toBe('up');
    now += 2 * DAY;
    await expectDegraded(/商户API证书\) expires within 30 days/);
    now += 31 * DAY;
    await expectDegraded(/商户API证书\) has expired/);
  });

  it('is degraded after three failed refreshes in a row, and up after the next good one', async () => {
    await start({ default: withCertificates() });
    await certificates().refresh();
    await fail(2);
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
    await fail(1);
    await expectDegraded(/^3 refreshes failed in a row/);
    await certificates().refresh();
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
  });

  it('is degraded, and never down, when renewals have stopped without a word', async () => {
    await start({ default: withCertificates() });
    const { signedAtMs } = await certificates().refresh();
    now = signedAtMs + DAY;
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
    now += 1;
    await expectDegraded(/^the platform certificates were last renewed more than 24 hours ago$/);
    now += 40 * DAY;
    await expectDegraded(/more than 24 hours ago/);
    await certificates().refresh();
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
  });

  it('misses no renewal of a merchant that has no platform certificates any more', async () => {
    await start({ default: emulator.options() });
    await certificates().refresh();
    const none = { status: 404, body: '{"code":"RESOURCE_NOT_EXISTS"}', signed: false };
    emulator.addFault({ match: '/v3/certificates', kind: 'respond', ...none });
    now += 2 * DAY;
    await certificates().refresh();
    now += 40 * DAY;
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
  });

  it('is degraded, and never down, while the credential cannot be loaded from its source', async () => {
    const { id, key } = emulator.publicKey;
    const { credential } = emulator.options();
    const { privateKey, certificate, apiV3Key } = credential as WechatPayCredentialOptions;
    const good = { privateKey, certificate, apiV3Keys: [apiV3Key].flat() } as CredentialMaterial;
    const load = jest.fn<CredentialSource['load']>(() => Promise.reject(new Error('kms is down')));
    const platform = { certificates: false, publicKey: { id, key } };
    await start({ default: { ...emulator.options({ platform }), credential: { load } } });
    const credentials = app.app.get(MerchantCredentialProvider);
    expect(report().status).toBe('up'); // nobody has asked for it
    await expect(credentials.get()).rejects.toThrow();
    await expectDegraded(/^the merchant credential cannot be loaded, and calls cannot be signed$/);
    load.mockResolvedValue(good);
    await credentials.get();
    expect(report()).toEqual({ status: 'up', merchants: { default: { state: 'up' } } });
    load.mockRejectedValue(new Error('kms is down'));
    await expect(credentials.reload()).rejects.toThrow();
    await expectDegraded(/^the merchant credential cannot be loaded anew; the one before stays$/);
    expect(report({ details: true }).merchants['default']).toMatchObject({
      lastCredentialError: 'CREDENTIAL_UNAVAILABLE',
    });
    expect(JSON.stringify(report({ details: true }))).not.toContain('kms');
  });

  it('is down when a refresh failed and nothing can verify, and up again after a good one', async () => {
    await start({ default: withCertificates() });
    await fail(1);
    expect(report()).toEqual({
      status: 'down',
      merchants: {
        default: { state: 'down', reasons: ['no key of the platform can verify'] },
      },
    });
    expect(await probe()).toMatchObject({ status: 503, json: { status: 'error' } });
    await certificates().refresh();
    expect(report().status).toBe('up');
  });

  it('is down when every key has expired, whether a refresh was tried or not', async () => {
    await start({ default: withCertificates() });
    const { keys } = await certificates().refresh();
    now = Math.max(...keys.map(({ notAfterMs }) => notAfterMs));
    expect(report()).toMatchObject({ status: 'down' });
    expect(report().merchants['default']?.['reasons']).toContain(
      'no key of the platform can verify',
    );
  });

  it('is not down for failed refreshes while a key can verify', async () => {
    await start({ default: emulator.options() });
    await fail(10);
    await expectDegraded(/^10 refreshes failed in a row/);
  });

  it('is degraded when the clock of this machine is more than a minute off', async () => {
    await start({ default: withCertificates() });
    const client = app.app.get<WechatPayClient>(getWechatPayClientToken());
    emulator.setClock({ offsetMs: -61_500 });
    await client.payments.native.queryByOutTradeNo('absent').catch(() => undefined);
    await certificates().refresh();
    const { code_url } = await client.payments.native.prepay({
      description: 'tea',
      out_trade_no: `skew-${now}`,
      amount: { total: 1 },
      notify_url: 'http://127.0.0.1:9/notify',
    });
    expect(code_url).toMatch(/^weixin:/);
    emulator.setClock({ offsetMs: 0 });
    await expectDegraded(/clock of this machine/);
    const { clockSkewMs } = report({ details: true }).merchants['default'] as {
      clockSkewMs: number;
    };
    expect(Math.abs(clockSkewMs - 61_500)).toBeLessThanOrEqual(1000);
  });

  it('tells serials, days left, the last refresh and its error only when asked to', async () => {
    await start({ default: emulator.options() });
    await certificates().refresh();
    const refreshedAt = new Date(now).toISOString();
    now += 1000;
    await fail(1);
    const summary = JSON.stringify(report());
    expect(summary).not.toMatch(/0E3A11A7|PUB_KEY_ID|daysLeft|Refresh|skew/i);
    const { serial } = emulator.platformCertificate;
    expect(report({ details: true }).merchants['default']).toEqual({
      state: 'up',
      merchantSerialNo: emulator.merchants[0]?.serial,
      merchantCertificateDaysLeft: expect.any(Number) as unknown,
      platformKeys: [
        { id: emulator.publicKey.id, kind: 'publicKey', daysLeft: undefined },
        { id: serial, kind: 'certificate', daysLeft: expect.any(Number) as unknown },
      ],
      lastRefresh: refreshedAt,
      lastRefreshError: expect.stringMatching(/^[A-Z_]+$/) as unknown,
      clockSkewMs: expect.any(Number) as unknown,
      notifications: { accepted: 0, probes: 0, refused: {} },
    });
  });

  it('holds no secret, with details or without', async () => {
    await start({ default: emulator.options() });
    await fail(3);
    for (const details of [true, false]) {
      const text = JSON.stringify(report({ details }));
      expect(text).not.toMatch(/emulatorOnly|BEGIN|PRIVATE|Authorization|127\.0\.0\.1/i);
      expect(text).not.toMatch(/[A-Za-z0-9+/]{60,}/);
    }
  });

  it('is that of every merchant, or of the one asked for', async () => {
    await start({
      'shop-a': withCertificates(),
      'shop-b': emulator.options({ mchid: B, platform: { certificates: true } }),
    });
    await certificates('shop-b').refresh();
    expect(report().merchants).toEqual({
      'shop-a': { state: 'up', reasons: ['keys are loaded on first use'] },
      'shop-b': { state: 'up' },
    });
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500' });
    await expect(certificates('shop-a').refresh()).rejects.toThrow();
    // the other one still takes money: this process must not be taken out
    expect(report().status).toBe(hasDegraded ? 'degraded' : 'up');
    expect(report().merchants).toMatchObject({
      'shop-a': { state: 'down' },
      'shop-b': { state: 'up' },
    });
    expect(report({ merchant: 'shop-a' }).status).toBe('down');
    expect(report({ merchant: 'shop-b' })).toEqual({
      status: 'up',
      merchants: { 'shop-b': { state: 'up' } },
    });
    expect(() => report({ merchant: 'shop-c' })).toThrow(/"shop-a", "shop-b"/);
  });

  it('is a short page however many merchants there are, with those to look at first', async () => {
    await start({ default: withCertificates() });
    const merchants = app.app.get(WechatPayMerchants);
    for (let index = 0; index < 60; index += 1) {
      await merchants.add(withCertificates(), `shop-${index}`);
    }
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500' });
    const last = merchants.find('shop-59')?.certificates;
    await expect(last?.refresh()).rejects.toThrow();
    const { merchants: listed, counts } = report() as Report & { counts: unknown };
    expect(Object.keys(listed)).toHaveLength(50);
    expect(Object.keys(listed)[0]).toBe('shop-59');
    expect(counts).toEqual({ total: 61, degraded: 0, down: 1 });
  });
});
