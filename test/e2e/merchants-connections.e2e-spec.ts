import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import type {
  MerchantContext,
  WechatPayHttpOptions,
  WechatPayMerchants,
  WechatPayOptions,
} from 'nestjs-wechatpay';
import { A, B, crowdOptions, startCrowd } from '../support/crowd.js';
import { rejection } from '../support/merchant-context.js';
import { tlsIdentity, TlsPlatform } from '../support/tls-platform.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

const ca = makeCertificate(rsaKey('root'), { commonName: 'Test root' });
const server = tlsIdentity('server', {
  issuer: rsaKey('root').privateKey,
  issuerName: 'Test root',
});

/** Idle connections end after six seconds by themselves; nobody waits for that here. */
const SOON_MS = 3_000;

describe('the connections of merchants that come and go', () => {
  let platform: TlsPlatform;
  let app: TestingModule;
  let merchants: WechatPayMerchants;

  beforeEach(async () => {
    platform = await TlsPlatform.start({
      ...server,
      requestCert: true,
      rejectUnauthorized: false,
    });
    ({ app, merchants } = await startCrowd({}));
  });
  afterEach(async () => {
    for (const { answer } of platform.requests) answer();
    await app.close();
    await platform.close();
  });

  const optionsOf = (mchid: string, http: WechatPayHttpOptions = {}): WechatPayOptions =>
    crowdOptions(mchid, { baseUrl: platform.url, http: { ...http, tls: { ca, ...http.tls } } });
  const add = (mchid: string, http?: WechatPayHttpOptions): Promise<MerchantContext> =>
    merchants.add(optionsOf(mchid, http));
  const soon = (what: Promise<unknown>): Promise<unknown> =>
    Promise.race([
      what.then(() => 'done'),
      new Promise((resolve) => setTimeout(resolve, SOON_MS, 'not yet').unref()),
    ]);

  it('stay while anybody shares them, and go with the last one', async () => {
    await (await add(A)).http.get('/v3/x');
    const { http } = await add(B);
    merchants.remove(A);
    await http.get('/v3/x');
    expect(new Set(platform.requests.map(({ port }) => port)).size).toBe(1);
    merchants.remove(B);
    await expect(soon(platform.closedDownTo(0))).resolves.toBe('done');
  });

  it('are not kept by a merchant that could not be added', async () => {
    await (await add(A)).http.get('/v3/x');
    await rejection(add(A)); // the name is taken
    merchants.remove(A);
    await expect(soon(platform.closedDownTo(0))).resolves.toBe('done');
  });

  it('are made anew by who has kept a merchant that was unloaded', async () => {
    const resolve = (mchid: string): WechatPayOptions => optionsOf(mchid);
    const crowd = await startCrowd({ resolve, maxLoaded: 1 });
    try {
      const { http } = await crowd.merchants.get(A);
      await http.get('/v3/x');
      await crowd.merchants.get(B);
      crowd.merchants.remove(B); // nobody uses these connections any more
      await expect(soon(platform.closedDownTo(0))).resolves.toBe('done');
      await expect(http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    } finally {
      await crowd.app.close();
    }
  });

  it('are made again for the next one', async () => {
    await (await add(A)).http.get('/v3/x');
    merchants.remove(A);
    await expect((await add(A)).http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(new Set(platform.requests.map(({ port }) => port)).size).toBe(2);
  });

  it.each([
    ['shared', {}],
    ['its own', { tls: { clientCertificate: true } }],
  ])('carry a call to its end when their merchant is removed: %s', async (_, http) => {
    platform.holds = () => true;
    const call = (await add(A, { ...http, closeGraceMs: 10 })).http.get('/v3/x', {
      timeoutMs: 10_000,
      retries: 0,
    });
    await platform.arrived(1);
    merchants.remove(A);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    platform.requests[0]?.answer();
    await expect(call).resolves.toMatchObject({ status: 200 });
    await expect(soon(platform.closedDownTo(0))).resolves.toBe('done');
  });

  it.each([
    ['shared', {}],
    ['its own', { tls: { clientCertificate: true } }],
  ])('end with the application, also those of a removed merchant: %s', async (_, http) => {
    platform.holds = () => true;
    const call = (await add(A, { ...http, closeGraceMs: 10 })).http.get('/v3/x', {
      timeoutMs: 60_000,
      retries: 0,
    });
    const outcome = rejection(call);
    await platform.arrived(1);
    merchants.remove(A);
    await expect(soon(app.close())).resolves.toBe('done');
    await expect(outcome).resolves.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(platform.openSockets).toBe(0);
  });
});
