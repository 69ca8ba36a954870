import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CertificatePlatform, NO_CERTIFICATES } from '../support/certificate-platform.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type ContextSettings,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner, publicKeyOption, publicKeySigner } from '../support/raw-platform.js';

const HOUR = 3_600_000;
const SECOND_ID = 'PUB_KEY_ID_0119000091912026000000000002';
const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });
const first = publicKeySigner('public');
const second = publicKeySigner('second', SECOND_ID);
const payer = { openid: 'o', identity: { type: 'IDCARD', name: '张三', number: '1' } };

describe('trust in the keys of the platform', () => {
  let platform: CertificatePlatform;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    platform = await CertificatePlatform.start(old);
  });
  afterEach(async () => {
    jest.useRealTimers();
    await platform.close();
    await Promise.all(contexts.map((each) => each.end()));
  });

  const connect = (
    overrides: Partial<Parameters<typeof testOptions>[0]> = {},
    settings: ContextSettings = {},
  ): TestContext => {
    const options = testOptions({ baseUrl: platform.url, ...overrides });
    const made = merchantContext(options, { clock: platform.clock, ...settings });
    contexts.push(made);
    return made;
  };
  const serials = ({ certificates }: TestContext): string[] =>
    certificates.keyRing.keys.map(({ id }) => id).sort();
  const posts = (): number =>
    platform.raw.requests.filter(({ method }) => method === 'POST').length;

  it('is needed before a write is sent: none goes out once the only certificate is distrusted', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    context.certificates.distrust(old.id);
    for (const call of [() => context.http.post('/v3/x', {}), () => context.certificates.ready()]) {
      await expect(rejection(call())).resolves.toMatchObject({
        name: 'WechatPayCertificateError',
        code: 'CERTIFICATES_INVALID',
        isResultUnknown: false,
      });
    }
    expect(posts()).toBe(0);
  });

  it('is needed before a write is sent: none goes out once the only public key is distrusted', async () => {
    for (const certificates of [false, true]) {
      platform.download = () => NO_CERTIFICATES;
      const context = connect({ platform: { certificates, publicKey: publicKeyOption('public') } });
      context.certificates.distrust(first.id);
      for (const call of [
        () => context.http.post('/v3/x', {}),
        () => context.certificates.ready(),
      ]) {
        await expect(rejection(call())).resolves.toMatchObject({
          name: 'WechatPayCertificateError',
          code: 'NO_PLATFORM_KEY',
        });
      }
    }
    expect(posts()).toBe(0);
  });

  it.each([
    ['that was never held', false],
    ['that was in force', true],
  ])('is not given back by a list signed by a distrusted certificate %s', async (_, wasHeld) => {
    platform.listed = [old, fresh];
    const context = connect();
    if (wasHeld) await context.http.get('/v3/x');
    context.certificates.distrust(old.id);
    const before = serials(context);
    platform.listSigner = old;
    await expect(rejection(context.certificates.refresh())).resolves.toMatchObject({
      code: 'CERTIFICATES_INVALID',
    });
    expect(serials(context)).toEqual(before);
    platform.listSigner = fresh;
    await context.certificates.refresh();
    expect(serials(context)).toEqual([fresh.id]);
  });

  it('in a certificate that was left out ends by the clock, though every download fails since', async () => {
    const context = connect({ renewal: { graceMs: HOUR } });
    await context.http.get('/v3/x');
    platform.listed = [fresh];
    platform.listSigner = fresh;
    await context.certificates.refresh();
    expect(serials(context)).toEqual([old.id, fresh.id]);
    platform.download = () => ({ status: 500 });
    platform.clock.advance(HOUR - 1);
    await expect(rejection(context.certificates.refresh())).resolves.toMatchObject({ status: 500 });
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    platform.clock.advance(1);
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'SIGNATURE_KEY_UNKNOWN',
    });
  });

  it('never rests on a download where certificates are off', async () => {
    const context = connect({
      platform: { certificates: false, publicKey: publicKeyOption('public') },
    });
    const ring = context.certificates.keyRing;
    await expect(context.certificates.refresh()).resolves.toBe(ring);
    await context.certificates.find(old.id);
    expect(platform.downloads).toBe(0);
    expect(context.events).toEqual([]);
  });

  it('moves on to the second public key when the first is distrusted', async () => {
    const publicKey = [publicKeyOption('public'), publicKeyOption('second', SECOND_ID)];
    for (const certificates of [false, true]) {
      platform.signer = first;
      const context = connect({ platform: { certificates, publicKey } });
      await context.http.get('/v3/x');
      expect(platform.raw.requests.at(-1)?.headers['wechatpay-serial']).toBe(first.id);
      context.certificates.distrust(first.id);
      platform.signer = second;
      await context.http.get('/v3/x');
      expect(platform.raw.requests.at(-1)?.headers['wechatpay-serial']).toBe(second.id);
      await context.certificates.refresh();
      expect(platform.raw.requests.at(-1)?.headers['wechatpay-serial']).toBe(second.id);
    }
  });

  it('encrypts with the public key for a merchant without certificates, after one download at most', async () => {
    platform.download = () => NO_CERTIFICATES;
    platform.signer = first;
    const context = connect({
      platform: { publicKey: publicKeyOption('public'), publicKeyShare: 0 },
    });
    const call = () =>
      context.http.post('/v3/x', { payer }, { encrypted: ['payer.identity.name'] });
    for (let count = 0; count < 3; count += 1) await call();
    await context.http.get('/v3/x');
    expect(platform.downloads).toBe(1);
    const calls = platform.raw.requests.filter(({ target }) => target === '/v3/x');
    expect(calls.map(({ headers }) => headers['wechatpay-serial'])).toEqual(
      Array.from({ length: 4 }, () => first.id),
    );
    for (const { body } of calls) expect(body.toString()).not.toContain('张三');
  });

  it('waits ten seconds for a download, which then failed for lack of time, not by an abort', async () => {
    jest.useFakeTimers({
      doNotFake: [
        'Date',
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        'setInterval',
        'clearInterval',
      ],
    });
    platform.download = () => ({ write: () => undefined });
    const context = connect({ http: { timeoutMs: 60_000 } });
    const refresh = rejection(context.certificates.refresh());
    await platform.raw.arrived(1);
    jest.advanceTimersByTime(10_000);
    await expect(refresh).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      code: 'TIMEOUT',
      isRetryable: true,
    });
    expect(context.certificates.status).toMatchObject({
      failures: 1,
      lastError: { code: 'TIMEOUT' },
    });
  });
});
