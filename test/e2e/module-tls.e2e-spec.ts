import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  getWechatPayHttpToken,
  WechatPayConfigurationError,
  WechatPayModule,
  type WechatPayHttpOptions,
  type WechatPayHttpService,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { Agent } from 'undici';
import { identityProblems } from '../../lib/context/index.js';
import { rejection, testOptions } from '../support/merchant-context.js';
import { publicKeyOption } from '../support/raw-platform.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { tlsIdentity, TlsPlatform } from '../support/tls-platform.js';
import { makeCertificate, pem, rsaKey } from '../support/x509.js';

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const pair = rsaKey('root');
const root = makeCertificate(pair, { commonName: 'Test root' });
const expired = makeCertificate(pair, {
  commonName: 'Old root',
  notBefore: daysFromNow(-20),
  notAfter: new Date('2020-01-02T03:04:05Z'),
});
const early = makeCertificate(pair, { commonName: 'New root', notBefore: daysFromNow(2) });
const half = root.slice(0, root.length / 2);
const noise = pem('CERTIFICATE', Buffer.from('this is no certificate'));
const key = pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' }));

describe('options of TLS', () => {
  const platform = { certificates: false, publicKey: publicKeyOption('platform') };
  const baseUrl = 'https://localhost:1';
  const optionsOf = (http: unknown, more: Partial<WechatPayOptions> = {}): WechatPayOptions =>
    testOptions({ baseUrl, platform, http: http as WechatPayHttpOptions, ...more });

  /** What ended the start; nothing when it started. */
  async function problemsOf(options: WechatPayOptions): Promise<readonly string[]> {
    try {
      const app = await Test.createTestingModule({ imports: [WechatPayModule.forRoot(options)] })
        .setLogger(new RecordingLogger())
        .compile();
      await app.close();
      return [];
    } catch (error) {
      expect(error).toBeInstanceOf(WechatPayConfigurationError);
      return (error as WechatPayConfigurationError).problems;
    }
  }

  it.each<[string, string | string[], RegExp]>([
    ['is cut off', half, /^http\.tls\.ca is cut off: its -----END line is missing$/],
    ['is cut off before another', half + root, /^http\.tls\.ca, certificate 1 is cut off/],
    ['is noise', [root, noise], /^http\.tls\.ca\[1\] is not an X\.509 certificate/],
    [
      'is noise among several',
      [root, root + noise],
      /^http\.tls\.ca\[1\], certificate 2 is not an/,
    ],
    ['has damaged Base64', root.replace('MII', 'M!I'), /^http\.tls\.ca .*its Base64 is damaged/],
    [
      'is a private key',
      root + key,
      /^http\.tls\.ca, certificate 2 is a key: give the certificate/,
    ],
    ['expired', [expired], /^http\.tls\.ca\[0\] \(CN=Old root\) expired on 2020-01-02T03:04:05/],
    ['is early', early, /^http\.tls\.ca \(CN=New root\) is valid only from .* check the clock/],
    ['is too much', root + ' '.repeat(1024 * 1024), /^http\.tls\.ca is longer than 1 MiB/],
  ])('end the start when a root %s', async (_, ca, problem) => {
    expect(await problemsOf(optionsOf({ tls: { ca } }))).toEqual([expect.stringMatching(problem)]);
  });

  it('name every bad root at once and no content of any', async () => {
    const problems = await problemsOf(optionsOf({ tls: { ca: [half, root, key, expired] } }));
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'http.tls.ca[0]',
      'http.tls.ca[2]',
      'http.tls.ca[3]',
    ]);
    expect(problems.join()).not.toMatch(/[A-Za-z0-9+/]{40}/);
  });

  it.each<[string, WechatPayHttpOptions['tls']]>([
    ['roots', { ca: root }],
    ['a version', { minVersion: 'TLSv1.3' }],
    ['the certificate', { clientCertificate: true }],
  ])('end the start with a dispatcher beside them: %s', async (_, tls) => {
    const dispatcher = new Agent();
    expect(await problemsOf(optionsOf({ dispatcher, tls }))).toEqual([
      expect.stringMatching(/^http\.dispatcher and http\.tls exclude each other: .*new Agent\(/),
    ]);
    const nothing = { ca: undefined, clientCertificate: false };
    expect(await problemsOf(optionsOf({ dispatcher, tls: nothing }))).toEqual([]);
    await dispatcher.close();
  });

  it('end the start when there is no certificate to show', async () => {
    const credential = { ...testOptions({ baseUrl }).credential, certificate: undefined };
    const serialNo = '0A1B2C3D4E5F';
    const http = { tls: { clientCertificate: true } };
    const options = optionsOf(http, {
      credential: { ...credential, serialNo } as WechatPayOptions['credential'],
    });
    expect(await problemsOf(options)).toEqual([
      expect.stringMatching(
        /^http\.tls\.clientCertificate needs credential\.certificate .*商户API证书/,
      ),
    ]);
    expect(await problemsOf({ ...options, http: { tls: { clientCertificate: false } } })).toEqual(
      [],
    );
    expect(await problemsOf(optionsOf(http))).toEqual([]);
    expect(await problemsOf(optionsOf({ tls: { clientCertificate: 'on' } }))).toEqual([
      'http.tls.clientCertificate must be true or false',
    ]);
  });

  it('find what OpenSSL would refuse, and a key that is elsewhere', () => {
    const certificate = makeCertificate(rsaKey('merchant'));
    const { privateKey } = rsaKey('merchant');
    expect(identityProblems({ privateKey, certificate })).toEqual([]);
    expect(identityProblems({ certificate })).toEqual([expect.stringContaining('a signer cannot')]);
    expect(identityProblems({ privateKey: pair.privateKey, certificate })).toEqual([
      expect.stringMatching(/OpenSSL refuses .*MISMATCH/),
    ]);
  });

  describe('in an application with two merchants', () => {
    let server: TlsPlatform;
    let app: Awaited<ReturnType<typeof start>> | undefined;

    afterEach(async () => {
      await app?.close();
      app = undefined;
      await server.close();
    });

    const start = async (
      tls: WechatPayHttpOptions['tls'],
      more: Partial<WechatPayOptions> = {},
    ) => {
      const issued = { issuer: pair.privateKey, issuerName: 'Test root' };
      server = await TlsPlatform.start(tlsIdentity('server', issued));
      const options = optionsOf({ tls: { ca: root, ...tls } }, { baseUrl: server.url, ...more });
      const made = await Test.createTestingModule({
        imports: ['shop-a', 'shop-b'].map((name) => WechatPayModule.forRoot({ ...options, name })),
      })
        .setLogger(new RecordingLogger())
        .compile();
      return made.enableShutdownHooks().init();
    };
    const httpOf = (name: string): WechatPayHttpService | undefined =>
      app?.get<WechatPayHttpService>(getWechatPayHttpToken(name), { strict: false });

    it.each([
      [1, false],
      [2, true],
    ])('lead to %d connections when the certificate to show is %s', async (count, isShown) => {
      app = await start({ clientCertificate: isShown });
      for (const name of ['shop-a', 'shop-b', 'shop-a', 'shop-b']) {
        await httpOf(name)?.get('/v3/x');
      }
      expect(server.requests).toHaveLength(4);
      expect(new Set(server.requests.map(({ port }) => port)).size).toBe(count);
      await app.close();
      await server.closedDownTo(0);
    });

    it('refuse a credential whose source delivers no certificate to show', async () => {
      const load = () =>
        Promise.resolve({ privateKey: key, serialNo: '0A', apiV3Keys: ['k'.repeat(32)] });
      app = await start({ clientCertificate: true }, { credential: { load } });
      const error = await rejection(httpOf('shop-a')?.get('/v3/x') ?? Promise.resolve());
      expect(error).toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
        message: expect.stringContaining('http.tls.clientCertificate needs credential.certificate'),
      });
      expect(server.requests).toHaveLength(0);
    });
  });
});
