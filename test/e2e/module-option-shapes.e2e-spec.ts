import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  WechatPayClient,
  WechatPayConfigurationError,
  WechatPayModule,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { RecordingLogger } from '../support/recording-logger.js';

type Loose = Record<string, unknown>;

describe('options that no compiler has seen', () => {
  let emulator: WechatPayEmulator;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });
  afterAll(() => emulator.close());

  /** Starts an application and gives the problems that ended it; none when it started. */
  async function problemsOf(options: unknown, isAsync: boolean): Promise<readonly string[]> {
    const registered = isAsync
      ? WechatPayModule.forRootAsync({ useFactory: () => options as WechatPayOptions })
      : WechatPayModule.forRoot(options as WechatPayOptions);
    try {
      const app = await Test.createTestingModule({ imports: [registered] })
        .setLogger(new RecordingLogger())
        .compile();
      expect(app.get(WechatPayClient)).toBeInstanceOf(WechatPayClient);
      await app.close();
      return [];
    } catch (error) {
      expect(error).toBeInstanceOf(WechatPayConfigurationError);
      return (error as WechatPayConfigurationError).problems;
    }
  }

  const good = (change: Loose = {}): Loose => ({ ...emulator.options(), ...change });
  const key = (): Loose => ({ id: emulator.publicKey.id, key: emulator.publicKey.key });

  it.each<[string, () => Loose, RegExp]>([
    ['TLS 1.0', () => good({ http: { tls: { minVersion: 'TLSv1' } } }), /^http\.tls\.minVersion /],
    ['a number for roots', () => good({ http: { tls: { ca: 42 } } }), /^http\.tls\.ca must be PEM/],
    ['a path for roots', () => good({ http: { tls: { ca: './ca.pem' } } }), /^http\.tls\.ca /],
    ['one path in a list of roots', () => good({ http: { tls: { ca: [1] } } }), /^http\.tls\.ca /],
    ['text for tls', () => good({ http: { tls: 'on' } }), /^http\.tls must be an object/],
    ['text for http', () => good({ http: 'fast' }), /^http must be an object/],
    [
      'a URL for a dispatcher',
      () => good({ http: { dispatcher: 'http://proxy' } }),
      /^http\.dispatcher must be a dispatcher/,
    ],
    [
      "'off' for certificates",
      () => good({ platform: { certificates: 'off' } }),
      /^platform\.certificates must be true or false/,
    ],
    ["'off' for the platform", () => good({ platform: 'off' }), /^platform must be an object/],
    ['a list for the platform', () => good({ platform: [] }), /^platform must be an object/],
    ['text for a share', () => good({ platform: { publicKeyShare: '9' } }), /publicKeyShare must/],
    ['text for the renewal', () => good({ renewal: '0 0 * * *' }), /^renewal must be an object/],
    [
      'certificates off and no public key in the list',
      () => good({ platform: { certificates: false, publicKey: [] } }),
      /^platform\.certificates is off and platform\.publicKey/,
    ],
    [
      'two public keys of one id',
      () => good({ platform: { publicKey: [key(), key()] } }),
      /^platform\.publicKey holds two keys with the same id/,
    ],
    [
      'a list for the id of a public key',
      () => good({ platform: { publicKey: { ...key(), id: [emulator.publicKey.id] } } }),
      /^platform\.publicKey\.id /,
    ],
    ['a number for an appid', () => good({ appid: 123 }), /^appid must be a text or an object/],
    ['a list of appids', () => good({ appid: ['wx1'] }), /^appid must be a text or an object/],
    ['a path for a store', () => good({ store: '/tmp/x' }), /^store must be a CertificateStore/],
    ['half a store', () => good({ store: { read: () => undefined } }), /^store must be/],
    ['text for a load', () => good({ credential: { load: 'x' } }), /^credential\.load is not a f/],
    ['a number for notifyUrl', () => good({ notifyUrl: 1 }), /^notifyUrl must be a text/],
    ['true for backupUrl', () => good({ backupUrl: true }), /^backupUrl must be a text or false/],
    ['another spelling', () => good({ notifyURL: 'https://a.b' }), /^notifyURL is not an option/],
    ['a name of http', () => good({ http: { timeout: 1 } }), /^http\.timeout is not an option/],
    ['a name of tls', () => good({ http: { tls: { cert: '' } } }), /^http\.tls\.cert is not an o/],
    ['a name of every object', () => good({ toString: 'x' }), /^toString is not an option/],
  ])('(%s) end the start with one problem that names the option', async (_, options, problem) => {
    for (const isAsync of [false, true]) {
      expect(await problemsOf(options(), isAsync)).toEqual([expect.stringMatching(problem)]);
    }
  });

  it('count null for a certificate as none, beside a serial number or without one', async () => {
    const { credential } = emulator.options();
    const bare = { ...credential, certificate: null };
    const serialNo = emulator.merchants[0]?.serial;
    expect(serialNo).toMatch(/^[0-9A-F]{40}$/);
    expect(await problemsOf(good({ credential: { ...bare, serialNo } }), false)).toEqual([]);
    expect(await problemsOf(good({ credential: bare }), false)).toEqual([
      expect.stringMatching(/^credential\.certificate or credential\.serialNo .* is missing/),
    ]);
    const nothing = good({ credential: { ...credential, serialNo: null } });
    expect(await problemsOf(nothing, false)).toEqual([]);
  });

  it('may be undefined, as what an environment leaves out', async () => {
    const left = { appid: undefined, platform: undefined, http: { tls: undefined } };
    expect(await problemsOf(good({ ...left, store: undefined, renewal: {} }), true)).toEqual([]);
    expect(await problemsOf({ ...good(), name: 'default', isGlobal: true }, false)).toEqual([]);
  });
});
