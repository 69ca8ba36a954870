import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import type {
  CredentialMaterial,
  MerchantContext,
  WechatPayCredentialOptions,
  WechatPayMerchants,
  WechatPayMerchantsOptions,
  WechatPayOptions,
} from 'nestjs-wechatpay';
import { CertificatePlatform } from '../support/certificate-platform.js';
import { A, B, C, crowdOptions, D, startCrowd } from '../support/crowd.js';
import { rejection } from '../support/merchant-context.js';
import { certificateSigner, type Reply } from '../support/raw-platform.js';

describe('a merchant that is unloaded or removed', () => {
  let platform: CertificatePlatform;
  let app: TestingModule;
  let merchants: WechatPayMerchants;
  /** Lets the platform answer what it holds back. */
  let release: () => void;
  let held: Promise<void>;

  beforeEach(async () => {
    platform = await CertificatePlatform.start(certificateSigner('signer'));
    jest.spyOn(Date, 'now').mockReturnValue(platform.clock.now());
    held = new Promise((resolve) => (release = resolve));
  });
  afterEach(async () => {
    release();
    await app.close();
    await platform.close();
    jest.restoreAllMocks();
  });

  const optionsOf = (mchid: string, more: Partial<WechatPayOptions> = {}): WechatPayOptions =>
    crowdOptions(mchid, { baseUrl: platform.url, platform: {}, ...more });
  const start = async (options: WechatPayMerchantsOptions): Promise<void> => {
    ({ app, merchants } = await startCrowd({ resolve: (mchid) => optionsOf(mchid), ...options }));
  };
  /** Keeps certificate lists back until they are released. */
  const holdDownloads = (): void => {
    platform.download = (reply) => held.then(() => reply);
  };
  /** Keeps every other answer back until they are released. */
  const holdCalls = (): void => {
    const { handler } = platform.raw;
    platform.raw.handler = async (request): Promise<Reply> => {
      const reply = await handler(request);
      if (!request.target.startsWith('/v3/certificates')) await held;
      return reply;
    };
  };
  const isClosed = ({ certificates }: MerchantContext): boolean => {
    let closed = false;
    certificates.keyRing$.subscribe({ complete: () => (closed = true) }).unsubscribe();
    return closed;
  };
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((next) => setImmediate(next));
  };

  it('is not the one whose first call loads its keys just now', async () => {
    await start({ maxLoaded: 2 });
    await merchants.get(A);
    holdDownloads();
    const call = (await merchants.get(B)).http.get('/v3/x');
    await platform.raw.arrived(1);
    merchants.find(A);
    await merchants.get(C);
    expect(merchants.names).toEqual([B, C]);
    release();
    await expect(call).resolves.toMatchObject({ status: 200 });
  });

  it('is not one with a call in flight', async () => {
    await start({ maxLoaded: 2 });
    const { http, certificates } = await merchants.get(A);
    await certificates.ready();
    await merchants.get(B);
    holdCalls();
    const call = http.get('/v3/x');
    await platform.raw.arrived(2);
    await merchants.get(C);
    expect(merchants.names).toEqual([A, C]);
    release();
    await call;
  });

  it('is not one whose certificates are being loaded', async () => {
    await start({ maxLoaded: 1 });
    holdDownloads();
    const ready = (await merchants.get(A)).certificates.ready();
    await platform.raw.arrived(1);
    await merchants.get(B);
    expect(merchants.names).toEqual([A, B]);
    release();
    await expect(ready).resolves.toMatchObject({ signedAtMs: expect.any(Number) });
  });

  it('is not one whose credential is being loaded', async () => {
    const { privateKey, certificate, apiV3Key } = optionsOf(A)
      .credential as WechatPayCredentialOptions;
    const material = { privateKey, certificate, apiV3Keys: [String(apiV3Key)] };
    const load = (): Promise<CredentialMaterial> => held.then(() => material);
    await start({
      maxLoaded: 1,
      resolve: (mchid) => optionsOf(mchid, mchid === A ? { credential: { load } } : {}),
    });
    const credential = (await merchants.get(A)).credentials.get();
    await merchants.get(B);
    expect(merchants.names).toEqual([A, B]);
    release();
    await expect(credential).resolves.toMatchObject({ mchid: A });
  });

  it('is not the one that came last, when all others were used since they came', async () => {
    await start({ maxLoaded: 3 });
    for (const mchid of [A, B, A, B, C, D]) await merchants.get(mchid);
    expect(merchants.names).toEqual([B, C, D]);
  });

  it('makes room later, when all of them are busy', async () => {
    await start({ maxLoaded: 1 });
    holdDownloads();
    const calls = [];
    for (const mchid of [A, B, C]) calls.push((await merchants.get(mchid)).http.get('/v3/x'));
    await platform.raw.arrived(3);
    expect(merchants.names).toEqual([A, B, C]);
    release();
    await Promise.all(calls);
    await merchants.get(D);
    expect(merchants.names).toEqual([D]);
  });

  it('finishes what is in flight when it is removed, and begins nothing more', async () => {
    await start({});
    const context = await merchants.get(A);
    holdDownloads();
    const call = context.http.get('/v3/x');
    await platform.raw.arrived(1);
    expect(merchants.remove(A)).toBe(true);
    expect(merchants.names).toEqual([]);
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({ code: 'CLOSED' });
    expect(isClosed(context)).toBe(false);
    release();
    await expect(call).resolves.toMatchObject({ status: 200 });
    await turns();
    expect(isClosed(context)).toBe(true);
  });

  it('finishes loading keys when it is removed', async () => {
    await start({});
    const context = await merchants.get(A);
    holdDownloads();
    const ready = context.certificates.ready();
    await platform.raw.arrived(1);
    merchants.remove(A);
    release();
    await expect(ready).resolves.toMatchObject({ signedAtMs: expect.any(Number) });
    await turns();
    expect(isClosed(context)).toBe(true);
  });

  it('is closed after its grace time, whatever still runs', async () => {
    await start({ resolve: (mchid) => optionsOf(mchid, { http: { closeGraceMs: 50 } }) });
    const context = await merchants.get(A);
    await context.certificates.ready();
    holdCalls();
    const call = context.http.get('/v3/x');
    await platform.raw.arrived(2);
    merchants.remove(A);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(isClosed(context)).toBe(true);
    release();
    await expect(call).resolves.toMatchObject({ status: 200 }); // it has all that it needs
  });

  it('is waited for when the application closes', async () => {
    await start({});
    const context = await merchants.get(A);
    await context.certificates.ready();
    holdCalls();
    const call = context.http.get('/v3/x');
    await platform.raw.arrived(2);
    merchants.remove(A);
    const closing = app.close();
    await new Promise((resolve) => setTimeout(resolve, 1_200)); // what is not waited for has a second
    release();
    await closing;
    await expect(call).resolves.toMatchObject({ status: 200 });
    expect(isClosed(context)).toBe(true);
  });

  it('says so to who has kept it, and that nobody aborted anything', async () => {
    await start({ maxLoaded: 1 });
    const { http } = await merchants.get(A);
    await merchants.get(B);
    const error = await rejection(http.get('/v3/x'));
    expect(error).toMatchObject({
      code: 'CLOSED',
      message: expect.stringContaining('get it again'),
    });
  });

  it('says so, too, when its credential is not loaded yet', async () => {
    const credential = { load: jest.fn<() => Promise<never>>() };
    await start({ maxLoaded: 1, resolve: (mchid) => optionsOf(mchid, { credential }) });
    const { credentials } = await merchants.get(A);
    await merchants.get(B);
    await expect(rejection(credentials.get())).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('get it again'),
    });
    expect(credential.load).not.toHaveBeenCalled();
  });

  describe('while it is being loaded', () => {
    const credentialOf = (mchid: string, wait: Promise<void>): WechatPayOptions['credential'] => {
      const { privateKey, certificate, apiV3Key } = optionsOf(mchid)
        .credential as WechatPayCredentialOptions;
      const material = { privateKey, certificate, apiV3Keys: [String(apiV3Key)] };
      return { load: () => wait.then(() => material) };
    };

    it('is loaded anew for those who wait', async () => {
      const resolve = jest.fn((mchid: string) =>
        optionsOf(mchid, { preload: true, credential: credentialOf(mchid, held) }),
      );
      await start({ resolve });
      const getting = merchants.get(A);
      await turns();
      expect(merchants.remove(A)).toBe(true);
      release();
      const context = await getting;
      expect(isClosed(context)).toBe(false);
      expect(merchants.find(A)).toBe(context);
      expect(resolve).toHaveBeenCalledTimes(2);
    });

    it('is loaded anew also when it was ended before its keys came', async () => {
      const waits = [held, Promise.resolve()];
      const resolve = jest.fn((mchid: string) =>
        optionsOf(mchid, {
          preload: true,
          credential: credentialOf(mchid, waits.shift() ?? held),
          http: { closeGraceMs: 0 },
        }),
      );
      await start({ resolve });
      const getting = merchants.get(A);
      await turns();
      merchants.remove(A);
      expect(isClosed(await getting)).toBe(false);
      expect(resolve).toHaveBeenCalledTimes(2);
    });

    it('comes back with the options that are true after its removal', async () => {
      const found: ((options: WechatPayOptions) => void)[] = [];
      await start({ resolve: () => new Promise((resolve) => found.push(resolve)) });
      const early = merchants.get(A);
      merchants.remove(A);
      const late = merchants.get(A);
      found[0]?.(optionsOf(A, { notifyUrl: 'https://shop.example/old' }));
      await turns();
      expect(merchants.names).toEqual([]);
      found[1]?.(optionsOf(A, { notifyUrl: 'https://shop.example/new' }));
      expect(await early).toBe(await late);
      expect(found).toHaveLength(2);
      expect(merchants.names).toEqual([A]);
    });
  });
});
