import { createSecretKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  MerchantCredentialProvider,
  WechatPayConfigurationError,
  WechatPayHttpService,
  WechatPayModule,
  type CredentialMaterial,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { rejection } from '../support/merchant-context.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ecKey, makeCertificate, pem, rsaKey } from '../support/x509.js';

type Loose = Record<string, unknown>;

describe('a wrong configuration', () => {
  let emulator: WechatPayEmulator;
  const { NODE_ENV: environment } = process.env;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });

  afterEach(() => {
    if (environment === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = environment;
  });

  afterAll(() => emulator.close());

  /** Starts an application that must not start, and gives the error that ended it. */
  async function failure(options: unknown, isAsync = false): Promise<WechatPayConfigurationError> {
    const registered = isAsync
      ? WechatPayModule.forRootAsync({ useFactory: () => options as WechatPayOptions })
      : WechatPayModule.forRoot(options as WechatPayOptions);
    let error: unknown;
    try {
      const app = await Test.createTestingModule({ imports: [registered] })
        .setLogger(new RecordingLogger())
        .compile();
      await app.close();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(WechatPayConfigurationError);
    const { code, message, stack } = error as WechatPayConfigurationError;
    expect(code).toBe('CONFIGURATION_INVALID');
    const { privateKey, apiV3Key } = emulator.options().credential;
    const secrets = [apiV3Key, ...privateKey.split('\n').filter((line) => !line.startsWith('---'))];
    for (const secret of secrets.filter((line) => line.length > 10)) {
      expect(`${message} ${stack} ${JSON.stringify(error)}`).not.toContain(secret);
    }
    return error as WechatPayConfigurationError;
  }

  const good = (): Loose & { credential: Loose } => {
    const options = emulator.options();
    return { ...options, credential: { ...options.credential } };
  };
  const other = (): { privateKey: string; certificate: string } => {
    const pair = rsaKey('other');
    return {
      privateKey: pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' })),
      certificate: makeCertificate(pair, { commonName: emulator.mchid }),
    };
  };
  const dated = (from: string, to: string): Loose => {
    const pair = rsaKey('other');
    const dates = { notBefore: new Date(from), notAfter: new Date(to) };
    return {
      ...other(),
      certificate: makeCertificate(pair, { commonName: emulator.mchid, ...dates }),
    };
  };
  const credential = (change: Loose): Loose => ({
    ...good(),
    credential: { ...good().credential, ...change },
  });

  const TABLE: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['no mchid', () => ({ ...good(), mchid: undefined }), /^mchid \(商户号\)/],
    ['a number for an mchid', () => ({ ...good(), mchid: 1900000001 }), /^mchid \(商户号\)/],
    ['an mchid with a line break', () => ({ ...good(), mchid: '1900000001\n' }), /^mchid/],
    ['no credential', () => ({ ...good(), credential: undefined }), /^credential is missing/],
    ['null for a credential', () => ({ ...good(), credential: null }), /^credential is missing/],
    [
      'a key of another certificate',
      () => credential({ privateKey: other().privateKey }),
      /privateKey does not belong to credential.certificate/,
    ],
    ['no private key', () => credential({ privateKey: undefined }), /商户API私钥\) is missing/],
    ['a path for a key', () => credential({ privateKey: './key.pem' }), /file name was given/],
    [
      'a certificate for a key',
      () => credential({ privateKey: good().credential['certificate'] }),
      /is a certificate: give apiclient_key.pem/,
    ],
    [
      'a symmetric key',
      () => credential({ privateKey: createSecretKey(Buffer.alloc(32)) }),
      /商户API私钥\) is /,
    ],
    [
      'neither certificate nor serial',
      () => credential({ certificate: undefined }),
      /credential.certificate or credential.serialNo/,
    ],
    ['another serial', () => credential({ serialNo: 'ABCDEF' }), /serialNo is not that of/],
    ['a serial that is none', () => credential({ serialNo: 'xyz' }), /not a hexadecimal number/],
    ['a number for a serial', () => credential({ serialNo: 5157.5 }), /not a hexadecimal number/],
    [
      'a certificate that has expired',
      () => credential(dated('2020-01-01', '2025-01-01')),
      /certificate expired on 2025-01-01/,
    ],
    [
      'a certificate of the future',
      () => credential(dated('2190-01-01', '2195-01-01')),
      /valid only from 2190-01-01/,
    ],
    [
      'a certificate of another merchant',
      () => ({ ...good(), mchid: '1900000077' }),
      /belongs to merchant 1900000001, not to mchid 1900000077/,
    ],
    ['an APIv3 key of 31 bytes', () => credential({ apiV3Key: 'x'.repeat(31) }), /is 31 bytes/],
    ['an APIv3 key of 33 bytes', () => credential({ apiV3Key: 'x'.repeat(33) }), /is 33 bytes/],
    ['an empty APIv3 key', () => credential({ apiV3Key: '' }), /is 0 bytes/],
    ['no APIv3 key', () => credential({ apiV3Key: undefined }), /APIv3密钥\) is missing/],
    ['a number for an APIv3 key', () => credential({ apiV3Key: 42 }), /is 0 bytes/],
    [
      'a bad second APIv3 key',
      () => credential({ apiV3Key: ['x'.repeat(32), 'short'] }),
      /apiV3Key\[1\] \(APIv3密钥\) is 5 bytes/,
    ],
    [
      'nothing to verify with',
      () => ({ ...good(), platform: { certificates: false } }),
      /nothing could be verified/,
    ],
    [
      'a public key without an id',
      () => ({ ...good(), platform: { publicKey: { key: emulator.publicKey.key } } }),
      /^platform.publicKey.id/,
    ],
    [
      'a public key without a key',
      () => ({ ...good(), platform: { publicKey: { id: emulator.publicKey.id } } }),
      /^platform.publicKey.key/,
    ],
    ['null for a public key', () => ({ ...good(), platform: { publicKey: null } }), /publicKey.id/],
    [
      'an EC key for a public key',
      () => ({
        ...good(),
        platform: { publicKey: { id: emulator.publicKey.id, key: ecKey().publicKey } },
      }),
      /^platform.publicKey.key .* RSA/,
    ],
    [
      'a share above 100',
      () => ({ ...good(), platform: { publicKeyShare: 101 } }),
      /publicKeyShare must be a number from 0 to 100/,
    ],
    ['a bad appid', () => ({ ...good(), appid: { mp: 'wx 1' } }), /appid "mp"/],
    ['a number for an appid', () => ({ ...good(), appid: { mp: 1 } }), /appid "mp"/],
    ['a relative notifyUrl', () => ({ ...good(), notifyUrl: '/notify' }), /absolute URL/],
    ['a notifyUrl of ftp', () => ({ ...good(), notifyUrl: 'ftp://a/b' }), /absolute URL/],
    ['a notifyUrl with a query', () => ({ ...good(), notifyUrl: 'https://a/b?c=d' }), /query/],
    ['a notifyUrl with a bare ?', () => ({ ...good(), notifyUrl: 'https://a/b?' }), /query/],
    ['a notifyUrl with a fragment', () => ({ ...good(), notifyUrl: 'https://a/b#c' }), /query/],
    [
      'a notifyUrl of 257 characters',
      () => ({ ...good(), notifyUrl: `https://a/${'x'.repeat(247)}` }),
      /longer than 256/,
    ],
    [
      'http: to elsewhere',
      () => ({ ...good(), baseUrl: 'http://10.0.0.1' }),
      /^baseUrl must be https/,
    ],
    [
      'http: to a look-alike',
      () => ({ ...good(), baseUrl: 'http://127.0.0.1.a.b' }),
      /must be https/,
    ],
    ['a baseUrl with a path', () => ({ ...good(), baseUrl: 'https://a.b/v3' }), /host only/],
    ['a baseUrl with a user', () => ({ ...good(), baseUrl: 'https://u@a.b' }), /host only/],
    ['a bad backupUrl', () => ({ ...good(), backupUrl: 'nonsense' }), /^backupUrl is not a URL/],
    ['a time limit of 0', () => ({ ...good(), http: { timeoutMs: 0 } }), /timeoutMs must be/],
    ['a time limit of NaN', () => ({ ...good(), http: { timeoutMs: NaN } }), /timeoutMs must be/],
    [
      'a text for a time limit',
      () => ({ ...good(), http: { timeoutMs: '9' } }),
      /timeoutMs must be/,
    ],
    [
      'no connections',
      () => ({ ...good(), http: { maxConcurrency: 0 } }),
      /maxConcurrency must be/,
    ],
    ['renewals every second', () => ({ ...good(), renewal: { everyMs: 1000 } }), /renewal.everyMs/],
    ['renewals once a day', () => ({ ...good(), renewal: { everyMs: 86_400_000 } }), /everyMs/],
    ['cron nonsense', () => ({ ...good(), renewal: { cron: 'nonsense' } }), /^renewal.cron is not/],
    ['an empty cron', () => ({ ...good(), renewal: { cron: '' } }), /^renewal.cron is not/],
    ['a number for cron', () => ({ ...good(), renewal: { cron: 5 } }), /^renewal.cron must be/],
    [
      'both ways of renewal',
      () => ({ ...good(), renewal: { cron: '0 0 * * *', everyMs: 3_600_000 } }),
      /exclude each other/,
    ],
    ['a negative grace', () => ({ ...good(), renewal: { graceMs: -1 } }), /renewal.graceMs/],
    [
      'a renewBeforeMs of text',
      () => ({ ...good(), renewal: { renewBeforeMs: 'x' } }),
      /renewBefore/,
    ],
  ];

  it.each(TABLE)('(%s) ends the start with that one problem', async (_, options, problem) => {
    const { problems } = await failure(options());
    // Whose certificate it is cannot be told without an mchid, and is said beside it.
    const [first, ...others] = problems;
    expect(first).toMatch(problem);
    expect(others.filter((text) => !text.includes('not to mchid'))).toEqual([]);
  });

  it.each([undefined, null, {}, 'nonsense'])('(%j) is told what is missing', async (options) => {
    const { problems } = await failure(options, true);
    expect(problems.filter((problem) => problem !== 'The options must be an object')).toEqual([
      expect.stringMatching(/^mchid/),
      expect.stringMatching(/^credential is missing/),
    ]);
  });

  it('is reported whole, in one error', async () => {
    const { problems, message } = await failure({
      mchid: 'x',
      appid: 'not an appid',
      credential: { privateKey: 'x', certificate: 'y', serialNo: 'z', apiV3Key: 'short' },
      platform: { publicKey: { id: 'x', key: 'y' }, publicKeyShare: -1 },
      notifyUrl: 'notify',
      baseUrl: 'http://example.com',
      backupUrl: 'ftp://example.com',
      http: { timeoutMs: -1, maxConcurrency: 0 },
      renewal: { everyMs: 1, cron: 'nonsense', renewBeforeMs: -1, graceMs: -1 },
    });
    expect(problems).toHaveLength(17);
    for (const problem of problems) expect(message).toContain(`\n  - ${problem}`);
  });

  it('names every key of the emulator in production', async () => {
    process.env['NODE_ENV'] = 'production';
    expect((await failure(good())).problems).toEqual([
      expect.stringMatching(/^credential.certificate is one of the emulator/),
      expect.stringMatching(/^credential.apiV3Key is one of the emulator/),
      expect.stringMatching(/^platform.publicKey is one of the emulator/),
    ]);
  });

  it.each(['production', 'development'])(
    'is found out when a source delivers keys of the emulator in %s',
    async (nodeEnv) => {
      process.env['NODE_ENV'] = nodeEnv;
      const { credential: keys, baseUrl, mchid } = emulator.options();
      const { apiV3Key, ...rest } = keys;
      const load = (): Promise<CredentialMaterial> =>
        Promise.resolve({ ...rest, apiV3Keys: [apiV3Key] });
      const app = await Test.createTestingModule({
        imports: [WechatPayModule.forRoot({ mchid, baseUrl, credential: { load } })],
      })
        .setLogger(new RecordingLogger())
        .compile();
      const loaded = app.get(MerchantCredentialProvider).get();
      if (nodeEnv === 'development') {
        await expect(loaded).resolves.toMatchObject({ mchid });
      } else {
        const error = await rejection(loaded);
        expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
        expect(error.message).toMatch(/credential\.certificate is one of the emulator/);
        expect(error.message).toMatch(/credential\.apiV3Key is one of the emulator/);
        // nothing is signed with it either
        await expect(
          rejection(app.get(WechatPayHttpService).get('/v3/certificates')),
        ).resolves.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
      }
      await app.close();
    },
  );
});
