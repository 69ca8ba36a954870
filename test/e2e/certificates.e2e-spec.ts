import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CertificatePlatform, NO_CERTIFICATES } from '../support/certificate-platform.js';
import {
  merchantContext,
  rejection,
  TestClock,
  testOptions,
  type ContextSettings,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner, publicKeyOption, publicKeySigner } from '../support/raw-platform.js';

const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });
const publicKey = publicKeySigner('public');

describe('the keys of the platform', () => {
  let platform: CertificatePlatform;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    platform = await CertificatePlatform.start(old);
  });
  afterEach(async () => {
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
    certificates.keyRing.keys.map(({ id }) => id);

  it('are downloaded on first use, not before, and prove themselves', async () => {
    const context = connect();
    expect(platform.raw.requests).toHaveLength(0);
    expect(context.certificates.keyRing.keys).toHaveLength(0);
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ data: { ok: true } });
    expect(serials(context)).toEqual(['0E3A0001']);
    expect(platform.downloads).toBe(1);
    expect(context.events).toEqual([
      expect.objectContaining({ type: 'renewed', source: 'platform', added: ['0E3A0001'] }),
    ]);
  });

  it('are downloaded once for fifty calls at the same time', async () => {
    const context = connect();
    await Promise.all(Array.from({ length: 50 }, () => context.http.get('/v3/x')));
    expect(platform.downloads).toBe(1);
    expect(platform.raw.count('/v3/x')).toBe(50);
  });

  it('fail every one of fifty calls when they cannot be had, and are tried again by the next', async () => {
    const context = connect();
    platform.download = () => ({ status: 500 });
    const errors = await Promise.all(
      Array.from({ length: 50 }, () => rejection(context.http.post('/v3/x', {}))),
    );
    for (const error of errors)
      expect(error).toMatchObject({ name: 'WechatPayApiError', status: 500 });
    expect(platform.downloads).toBe(1);
    expect(platform.raw.count('/v3/x')).toBe(0); // nothing is sent whose answer could not be verified
    platform.download = undefined;
    await context.http.get('/v3/x');
  });

  it.each([1, -1])(
    'stay in force on a machine whose clock is %d h off, which says what to mend',
    async (hours) => {
      const clock = new TestClock(platform.clock.ms);
      const context = connect({}, { clock });
      await context.certificates.ready();
      clock.advance(hours * 3_600_000);
      const late = { code: 'SIGNATURE_EXPIRED', message: expect.stringContaining('NTP') };
      platform.listed = [fresh];
      await expect(rejection(context.certificates.refresh())).resolves.toMatchObject(late);
      await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject(late);
      expect(serials(context)).toEqual(['0E3A0001']);
      expect(context.events[1]).toMatchObject({ type: 'refresh-failed', failures: 1, error: late });
      clock.ms = platform.clock.ms;
      await context.http.get('/v3/x');
    },
  );

  it('are named in no request in certificate mode, and in every one in public-key mode', async () => {
    await connect().http.get('/v3/a');
    platform.signer = publicKey;
    await connect({
      platform: { certificates: false, publicKey: publicKeyOption('public') },
    }).http.get('/v3/b');
    const named = platform.raw.requests.map(({ target, headers }) => [
      target,
      headers['wechatpay-serial'],
    ]);
    expect(named).toEqual([
      ['/v3/certificates', undefined],
      ['/v3/a', undefined],
      ['/v3/b', publicKey.id],
    ]);
  });

  it('are a clear error for a certificate merchant that has none', async () => {
    platform.download = () => NO_CERTIFICATES;
    const error = await rejection(connect().http.get('/v3/x'));
    expect(error).toMatchObject({
      name: 'WechatPayCertificateError',
      code: 'CERTIFICATES_UNAVAILABLE',
      message: expect.stringContaining('platform.publicKey'),
      cause: { status: 404, platformCode: 'RESOURCE_NOT_EXISTS' },
    });
  });

  it('are a normal state of public-key mode when there are no certificates', async () => {
    platform.download = () => NO_CERTIFICATES;
    platform.signer = publicKey;
    const context = connect({ platform: { publicKey: publicKeyOption('public') } });
    await context.http.get('/v3/x');
    expect(platform.downloads).toBe(0);
    await context.certificates.refresh();
    await context.certificates.refresh();
    expect(context.certificates.status).toMatchObject({ failures: 0, hasNoCertificates: true });
    expect(context.events.map(({ type }) => type)).toEqual(['no-certificates']);
    await context.http.get('/v3/x');
  });

  it.each([
    [405, ''],
    [404, ''],
    [404, '{"code":"ORDER_NOT_EXIST"}'],
    [401, '{"code":"SIGN_ERROR"}'],
    [500, '{"code":"RESOURCE_NOT_EXISTS"}'],
    [302, ''],
  ])('treat status %d %s of the download as a failure, not as absence', async (status, body) => {
    platform.download = () => ({ status, body });
    const context = connect({ platform: { publicKey: publicKeyOption('public') } });
    await expect(rejection(context.certificates.refresh())).resolves.toMatchObject({ status });
    expect(context.certificates.status).toMatchObject({ failures: 1, hasNoCertificates: false });
  });

  it('are not fetched from where a redirect points, though a genuine list is there', async () => {
    const elsewhere = await CertificatePlatform.start(old);
    platform.download = () => ({
      status: 302,
      headers: { Location: `${elsewhere.url}/v3/certificates` },
    });
    const error = await rejection(connect().http.post('/v3/x', {}));
    await elsewhere.close();
    expect(error).toMatchObject({ name: 'WechatPayApiError', status: 302 });
    expect(elsewhere.raw.requests).toHaveLength(0);
    expect(platform.raw.count('/v3/x')).toBe(0);
  });

  it('verify by certificate and by public key side by side', async () => {
    const context = connect({ platform: { publicKey: publicKeyOption('public') } });
    for (const signer of [old, publicKey, old]) {
      platform.signer = signer;
      platform.listSigner = old;
      await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    }
    expect(serials(context).sort()).toEqual(['0E3A0001', publicKey.id].sort());
    expect(
      platform.raw.requests.every(({ headers }) => headers['wechatpay-serial'] === publicKey.id),
    ).toBe(true);
  });

  it.each([
    [0, 0, undefined],
    [50, 0.49, publicKey.id],
    [50, 0.5, undefined],
    [100, 0.999, publicKey.id],
  ])('ask for the public key by share: %d %% at %d', async (publicKeyShare, random, id) => {
    const context = connect(
      { platform: { publicKey: publicKeyOption('public'), publicKeyShare } },
      { random: () => random },
    );
    await context.http.get('/v3/x');
    expect(platform.raw.requests.at(-1)?.headers['wechatpay-serial']).toBe(
      platform.raw.requests.at(-1)?.target === '/v3/certificates' ? publicKey.id : id,
    );
    const [call] = platform.raw.requests.filter(({ target }) => target === '/v3/x');
    expect(call?.headers['wechatpay-serial']).toBe(id);
  });

  it('let a first key in and the new one beside it before it signs', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    expect(serials(context).sort()).toEqual(['0E3A0001', '0E3A0002']);
    for (const signer of [old, fresh, old]) {
      platform.signer = signer;
      await context.http.get('/v3/x');
    }
    expect(platform.downloads).toBe(2);
  });

  it('accept a key that appeared a second ago, after one download', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    platform.listed = [fresh];
    platform.signer = fresh;
    await expect(context.http.post('/v3/x', {})).resolves.toMatchObject({ status: 200 });
    expect(platform.downloads).toBe(2);
    expect(serials(context).sort()).toEqual(['0E3A0001', '0E3A0002']);
  });

  it('publish every set to those who watch, the current one at once', async () => {
    const context = connect();
    const seen: number[] = [];
    let isComplete = false;
    context.certificates.keyRing$.subscribe({
      next: (ring) => seen.push(ring.keys.length),
      complete: () => (isComplete = true),
    });
    await context.http.get('/v3/x');
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    context.close();
    context.close();
    expect(seen).toEqual([0, 1, 2]);
    expect(isComplete).toBe(true);
  });

  it('cannot be changed by those who hold them', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    const { keyRing } = context.certificates;
    expect(() => (keyRing.keys as unknown[]).push({})).toThrow(TypeError);
    expect(() => Object.assign(keyRing.keys[0] ?? {}, { notAfterMs: Infinity })).toThrow(TypeError);
  });
});
