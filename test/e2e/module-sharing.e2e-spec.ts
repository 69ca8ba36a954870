import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import type { Observable } from 'rxjs';
import {
  getCertificateProviderToken,
  getMerchantCredentialProviderToken,
  getWechatPayHttpToken,
  MemoryCertificateStore,
  WechatPayModule,
  type CertificateProvider,
  type CredentialMaterial,
  type MerchantCredentialProvider,
  type WechatPayCredentialOptions,
  type WechatPayHttpOptions,
  type WechatPayHttpService,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import { testOptions } from '../support/merchant-context.js';
import {
  certificateSigner,
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
} from '../support/raw-platform.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

let app: TestingModule | undefined;
/** What a test has opened beside its application, to be closed after it. */
const opened: { close(): Promise<unknown> }[] = [];

function open<T extends { close(): Promise<unknown> }>(part: T): T {
  opened.push(part);
  return part;
}

/** An application with merchants of these options, called `shop-0`, `shop-1` and so on. */
async function start(merchants: readonly WechatPayOptions[]): Promise<TestingModule> {
  app = await Test.createTestingModule({
    imports: merchants.map((options, index) =>
      WechatPayModule.forRoot({ ...options, name: `shop-${index}` }),
    ),
  })
    .setLogger(new RecordingLogger())
    .compile();
  return app.init();
}

afterEach(async () => {
  jest.restoreAllMocks();
  await app?.close();
  app = undefined;
  await Promise.all(opened.splice(0).map((part) => part.close()));
});

describe('merchants of one application', () => {
  const signer = publicKeySigner('platform');
  const [ca, otherCa] = ['proxy', 'other'].map((name) => makeCertificate(rsaKey(name)));
  let platform: RawPlatform;
  const ports = new Set<number | undefined>();

  beforeAll(async () => {
    platform = await RawPlatform.start(() => ({
      body: '{}',
      signer,
      write: (response, headers) => {
        ports.add(response.req.socket.remotePort);
        response.writeHead(200, headers).end('{}');
      },
    }));
  });
  afterAll(() => platform.close());

  /** How many connections two merchants use that call one after the other. */
  const connections = async (...http: readonly WechatPayHttpOptions[]): Promise<number> => {
    ports.clear();
    const { id, key } = publicKeyOption('platform');
    const made = await start(
      http.map((each) => ({
        ...testOptions({ baseUrl: platform.url }),
        platform: { certificates: false, publicKey: { id, key } },
        http: each,
      })),
    );
    for (const index of http.keys()) {
      await made.get<WechatPayHttpService>(getWechatPayHttpToken(`shop-${index}`)).get('/v3/x');
    }
    return ports.size;
  };

  it.each<[string, WechatPayHttpOptions, WechatPayHttpOptions]>([
    ['nothing', {}, {}],
    ['the same', { tls: { ca } }, { tls: { ca } }],
    ['other bounds', { maxConcurrency: 3 }, { maxConcurrency: 4 }],
    ['other times', { timeoutMs: 5_000 }, { timeoutMs: 6_000 }],
  ])('share connections where their settings say %s', async (_, first, second) => {
    expect(await connections(first, second)).toBe(1);
  });

  it.each<[string, WechatPayHttpOptions, WechatPayHttpOptions]>([
    ['trusts another root', {}, { tls: { ca } }],
    ['trusts a root that the other one does not', { tls: { ca } }, { tls: { ca: otherCa } }],
    ['wants a newer TLS', {}, { tls: { minVersion: 'TLSv1.3' } }],
  ])('share no connection where one of them %s', async (_, first, second) => {
    expect(await connections(first, second)).toBe(2);
  });

  it('share no dispatcher that one of them brought', async () => {
    const [a, b] = [open(new CountingDispatcher()), open(new CountingDispatcher())];
    await connections({ dispatcher: a }, { dispatcher: b }, {}, { dispatcher: a });
    expect([a.requests.length, b.requests.length]).toEqual([2, 1]);
  });

  it('choose keys at random, each call anew', async () => {
    const { id, key } = publicKeyOption('platform');
    const made = await start([
      {
        ...testOptions({ baseUrl: platform.url }),
        platform: { publicKey: { id, key }, publicKeyShare: 50 },
      },
    ]);
    const certificates = made.get<CertificateProvider>(getCertificateProviderToken('shop-0'));
    const chosen = Array.from({ length: 200 }, () => certificates.requestKey()?.id);
    expect(new Set(chosen)).toEqual(new Set([id, undefined]));
  });
});

describe('sixty-one merchants whom strangers name keys to', () => {
  it('download sixty times in a minute, all together', async () => {
    const platform = open(await CertificatePlatform.start(certificateSigner('signer')));
    const clock = jest.spyOn(Date, 'now').mockReturnValue(platform.clock.now());
    const dispatcher = open(new CountingDispatcher());
    const options = { ...testOptions({ baseUrl: platform.url }), http: { dispatcher } };
    const made = await start(Array.from({ length: 61 }, () => options));
    const find = (index: number, serial: string): Promise<unknown> =>
      made.get<CertificateProvider>(getCertificateProviderToken(`shop-${index}`)).find(serial);
    for (let index = 0; index < 61; index += 1) await find(index, 'ABCD');
    expect(dispatcher.downloads()).toBe(60);
    clock.mockReturnValue(platform.clock.now() + 60_000);
    await find(60, 'ABCD');
    expect(dispatcher.downloads()).toBe(61);
  });
});

describe('merchants with one store', () => {
  it('watch it once, and read from it in place of a second download', async () => {
    const platform = open(await CertificatePlatform.start(certificateSigner('signer')));
    const clock = jest.spyOn(Date, 'now').mockReturnValue(platform.clock.now());
    const store = new MemoryCertificateStore();
    const changes = jest.spyOn(store, 'changes');
    const options = { ...testOptions({ baseUrl: platform.url }), store };
    const made = await start([options, options]);
    for (const index of [0, 1]) {
      await made.get<WechatPayHttpService>(getWechatPayHttpToken(`shop-${index}`)).get('/v3/x');
    }
    expect(changes).toHaveBeenCalledTimes(1);
    expect(platform.downloads).toBe(1);
    clock.mockRestore();
  });
});

describe('a merchant that is to be ready when the application has started', () => {
  const { id, key } = publicKeyOption('platform');
  const options = (
    load: () => Promise<CredentialMaterial>,
    preload?: boolean,
  ): WechatPayOptions => ({
    ...testOptions({ baseUrl: 'http://127.0.0.1:9' }),
    credential: { load },
    platform: { certificates: false, publicKey: { id, key } },
    preload,
  });
  const { privateKey, certificate, apiV3Key } = testOptions({ baseUrl: '' })
    .credential as WechatPayCredentialOptions;
  const material = { privateKey, certificate, apiV3Keys: [String(apiV3Key)] };

  it('has its credential loaded by then, and only when it says so', async () => {
    const early = jest.fn(() => Promise.resolve(material));
    const late = jest.fn(() => Promise.resolve(material));
    await start([options(early, true), options(late)]);
    expect([early, late].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  });

  it('keeps the application from starting without its credential', async () => {
    const load = (): Promise<never> => Promise.reject(new Error('no such secret'));
    await expect(start([options(load, true)])).rejects.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
    });
  });
});

describe('those who watch a merchant', () => {
  it('are told when the application closes that nothing more will come', async () => {
    const made = await start([testOptions({ baseUrl: 'http://127.0.0.1:9' })]);
    const certificates = made.get<CertificateProvider>(getCertificateProviderToken('shop-0'));
    const credentials = made.get<MerchantCredentialProvider>(
      getMerchantCredentialProviderToken('shop-0'),
    );
    const ended: string[] = [];
    const streams: Record<string, Observable<unknown>> = {
      keyRing$: certificates.keyRing$,
      keyEvents$: certificates.keyEvents$,
      credential$: credentials.credential$,
    };
    const watch = (): void => {
      for (const [name, stream] of Object.entries(streams)) {
        stream.subscribe({ complete: () => ended.push(name) });
      }
    };
    watch();
    expect(ended).toEqual([]);
    await made.close();
    expect(ended.sort()).toEqual(['credential$', 'keyEvents$', 'keyRing$']);
    watch(); // those who come late learn it at once
    expect(ended).toHaveLength(6);
  });
});
