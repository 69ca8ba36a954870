import {
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type TlsOptions,
} from 'node:tls';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { WechatPayHttpOptions } from 'nestjs-wechatpay';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, RawPlatform } from '../support/raw-platform.js';
import { tlsIdentity, TlsPlatform } from '../support/tls-platform.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const root = makeCertificate(rsaKey('root'), { commonName: 'Test root' });
const issued = { issuer: rsaKey('root').privateKey, issuerName: 'Test root' };
const genuine = tlsIdentity('server', issued);

describe('connections over TLS', () => {
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const serve = async (options: TlsOptions): Promise<TlsPlatform> => {
    const platform = await TlsPlatform.start(options);
    closing.push(() => platform.close());
    return platform;
  };

  const contextOf = (baseUrl: string, tls: WechatPayHttpOptions['tls']): TestContext => {
    const context = merchantContext(
      testOptions({
        baseUrl,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { tls },
      }),
    );
    closing.push(() => context.end());
    return context;
  };

  it('trust an extra root', async () => {
    const platform = await serve(genuine);
    const { data } = await contextOf(platform.url, { ca: root }).http.get('/v3/x');
    expect(data).toEqual({ ok: true });
  });

  it('trust every root of a list and of a text, however its lines are written', async () => {
    const platform = await serve(genuine);
    const other = makeCertificate(rsaKey('other'), { commonName: 'Other root' });
    for (const ca of [
      [other, root],
      `# one\n${other}\n# two\n${root}`,
      root.replaceAll('\n', '\\n'),
      root.replaceAll('\n', '\r\n'),
    ]) {
      const { data } = await contextOf(platform.url, { ca }).http.get('/v3/x');
      expect(data).toEqual({ ok: true });
    }
  });

  it.each<[string, TlsOptions, string | undefined, RegExp]>([
    ['of an unknown root', genuine, undefined, /no trusted root .*UNABLE_TO_VERIFY.*http\.tls\.ca/],
    [
      'of a root beside the one given',
      tlsIdentity('server'),
      root,
      /DEPTH_ZERO_SELF.*http\.tls\.ca/,
    ],
    ['that signed itself', tlsIdentity('server'), undefined, /DEPTH_ZERO_SELF.*http\.tls\.ca/],
    [
      'that expired',
      tlsIdentity('server', { ...issued, notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) }),
      root,
      /is not valid now \(CERT_HAS_EXPIRED\): check the clock/,
    ],
    [
      'that is not valid yet',
      tlsIdentity('server', { ...issued, notBefore: daysFromNow(1) }),
      root,
      /is not valid now \(CERT_NOT_YET_VALID\): check the clock/,
    ],
    [
      'of another host',
      tlsIdentity('server', { ...issued, commonName: 'shop.example' }),
      root,
      /of another host \(ERR_TLS_CERT_ALTNAME_INVALID\): check baseUrl, DNS and proxy/,
    ],
  ])('refuse a certificate %s before anything is sent', async (_, server, ca, message) => {
    const platform = await serve(server);
    const error = await rejection(contextOf(platform.url, { ca }).http.post('/v3/x', { a: 1 }));
    expect(error).toMatchObject({
      name: 'WechatPayTransportError',
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(message),
      wasSent: false,
      isResultUnknown: false,
      isRetryable: false,
    });
    expect(platform.requests).toHaveLength(0);
  });

  it('say so too when a download meets a certificate that nobody trusts', async () => {
    const platform = await serve(genuine);
    const { http } = contextOf(platform.url, undefined);
    await expect(rejection(http.stream('/v3/billdownload/file?token=t'))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('http.tls.ca'),
    });
    expect(platform.requests).toHaveLength(0);
  });

  it('name TLS when the other side does not speak it at all', async () => {
    const platform = await RawPlatform.start();
    closing.push(() => platform.close());
    const { http } = contextOf(platform.url.replace('http:', 'https:'), undefined);
    await expect(rejection(http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(/version of TLS .*port and proxy/),
      wasSent: false,
    });
    expect(platform.requests).toHaveLength(0);
  });

  it('refuse a server that speaks TLS 1.1 at most', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    const platform = await serve({ ...genuine, ...old });
    // it does speak it, to whom that is enough
    const version = await new Promise<string | null>((resolve, reject) => {
      const socket = connectTls({
        ...old,
        port: platform.port,
        host: '127.0.0.1',
        ca: root,
        servername: 'localhost',
      });
      socket.on('error', reject).on('secureConnect', () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
    });
    expect(version).toBe('TLSv1.1');
    const error = await rejection(contextOf(platform.url, { ca: root }).http.get('/v3/x'));
    expect(error).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringMatching(/version of TLS .*TLS 1\.2 is the least/),
      isRetryable: false,
    });
    expect(platform.requests).toHaveLength(0);
  });

  it('refuse a server that speaks TLS 1.2 at most when 1.3 is asked for', async () => {
    const platform = await serve({ ...genuine, maxVersion: 'TLSv1.2' });
    const strict = contextOf(platform.url, { ca: root, minVersion: 'TLSv1.3' });
    await expect(rejection(strict.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('http.tls.minVersion'),
    });
    expect(platform.requests).toHaveLength(0);
    const { data } = await contextOf(platform.url, { ca: root }).http.get('/v3/x');
    expect(data).toEqual({ ok: true });
  });

  it('keep trusting the roots of Node beside extra ones, which are read once', async () => {
    const platform = await serve(genuine);
    // what Node itself hands to OpenSSL, one root a time
    const native = createSecureContext().context as { addCACert(root: string): void };
    const added = jest.spyOn(Object.getPrototypeOf(native) as typeof native, 'addCACert');
    platform.holds = () => true;
    const { http } = contextOf(platform.url, { ca: root });
    const calls = [http.get('/v3/1'), http.get('/v3/2'), http.get('/v3/3')];
    await platform.arrived(3);
    for (const { answer } of platform.requests) answer();
    await Promise.all(calls);
    expect(new Set(platform.requests.map(({ port }) => port)).size).toBe(3);
    const roots = added.mock.calls.map(([pem]) => pem.trim());
    expect(roots).toEqual(expect.arrayContaining([rootCertificates[0], root.trim()]));
    expect(roots.filter((pem) => pem === root.trim())).toHaveLength(1);
    added.mockRestore();
  });
});
