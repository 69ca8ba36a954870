import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DirectoryCertificateStore,
  wechatPayConfig,
  WechatPayConfigurationError,
  type CredentialMaterial,
  type CredentialSource,
  type KmsDecryptClient,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { nextEmission } from '../support/emissions.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

const mchid = '1900000001';
const pair = rsaKey('merchant');
const privateKey = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const certificate = makeCertificate(pair, { commonName: mchid });
const publicKey = String(rsaKey('platform').publicKey.export({ type: 'spki', format: 'pem' }));
const apiV3Key = 'k'.repeat(32);

describe('the options from the environment', () => {
  const original = { ...process.env };
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wechatpay-config-'));
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('WECHATPAY')) delete process.env[name];
    }
  });

  afterEach(() => {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('WECHATPAY')) delete process.env[name];
    }
    for (const [name, value] of Object.entries(original)) {
      if (name.startsWith('WECHATPAY')) process.env[name] = value;
    }
    rmSync(directory, { recursive: true });
  });

  const file = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  const read = (variables: Readonly<Record<string, string>>): WechatPayOptions => {
    Object.assign(process.env, variables);
    return wechatPayConfig() as WechatPayOptions;
  };
  const problemsOf = (variables: Readonly<Record<string, string>>): readonly string[] => {
    try {
      read(variables);
    } catch (error) {
      expect(error).toBeInstanceOf(WechatPayConfigurationError);
      const { code, message, problems } = error as WechatPayConfigurationError;
      expect(code).toBe('CONFIGURATION_INVALID');
      expect(message).toContain('environment');
      // what the values lack is said in the same error, with the variable that it is about
      return problems.filter(
        (problem) => /WECHATPAY_/.test(problem) && !/^WECHATPAY_\w+: (?!\/)/.test(problem),
      );
    }
    throw new Error('nothing was thrown');
  };

  it('are every variable under its option', () => {
    const options = read({
      WECHATPAY_MCHID: ' 1900000001 ',
      WECHATPAY_APPID: 'wx0001',
      WECHATPAY_API_V3_KEY: 'k'.repeat(32),
      WECHATPAY_PRIVATE_KEY: 'private',
      WECHATPAY_CERTIFICATE: 'certificate',
      WECHATPAY_SERIAL_NO: 'ABC',
      WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_1',
      WECHATPAY_PUBLIC_KEY: 'public',
      WECHATPAY_PLATFORM_CERTIFICATES: 'off',
      WECHATPAY_NOTIFY_URL: 'https://shop.example/notify',
      WECHATPAY_BASE_URL: 'https://proxy.example',
      WECHATPAY_STORE_DIR: directory,
    });
    expect(options).toEqual({
      mchid: '1900000001',
      appid: 'wx0001',
      credential: {
        privateKey: 'private',
        certificate: 'certificate',
        serialNo: 'ABC',
        apiV3Key: 'k'.repeat(32),
      },
      platform: { certificates: false, publicKey: { id: 'PUB_KEY_ID_1', key: 'public' } },
      notifyUrl: 'https://shop.example/notify',
      baseUrl: 'https://proxy.example',
      store: expect.any(DirectoryCertificateStore) as unknown,
    });
  });

  it('are left out where nothing is set, and checked later', () => {
    expect(read({ WECHATPAY_OTHER: 'x' })).toEqual({
      mchid: '',
      appid: undefined,
      credential: { privateKey: '', certificate: undefined, serialNo: undefined, apiV3Key: [] },
      platform: { certificates: undefined, publicKey: undefined },
      notifyUrl: undefined,
      baseUrl: undefined,
      store: undefined,
    });
  });

  it.each([
    [{ WECHATPAY_RENEWAL_CRON: '0 17 3,9,15,21 * * *' }, { cron: '0 17 3,9,15,21 * * *' }],
    [{ WECHATPAY_RENEWAL_EVERY_MS: ' 3600000 ' }, { everyMs: 3_600_000 }],
    [{ WECHATPAY_RENEWAL_CRON: '', WECHATPAY_MCHID: mchid }, undefined],
  ])('say when to renew: %j', (variables: Record<string, string>, renewal) => {
    expect(read(variables).renewal).toEqual(renewal);
  });

  it.each(['1h', '3600000ms', '1e6', '-1', '3600000.5', '0x10'])(
    'refuse %s for a number of milliseconds',
    (value) => {
      expect(problemsOf({ WECHATPAY_RENEWAL_EVERY_MS: value })).toEqual([
        'WECHATPAY_RENEWAL_EVERY_MS must be a whole number of milliseconds, such as 21600000 for six hours',
      ]);
    },
  );

  it('refuse two ways to renew, and name the variable of a wrong one', () => {
    const cron = { WECHATPAY_RENEWAL_CRON: '0 0 * * * *' };
    expect(problemsOf({ ...cron, WECHATPAY_RENEWAL_EVERY_MS: '3600000' })).toEqual([
      'WECHATPAY_RENEWAL_CRON and WECHATPAY_RENEWAL_EVERY_MS are both set',
    ]);
    const problems = (variables: Record<string, string>): string => {
      try {
        read({ ...variables, WECHATPAY_PRIVATE_KEY_FILE: join(directory, 'absent') });
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(problems({ WECHATPAY_RENEWAL_CRON: 'daily', WECHATPAY_RENEWAL_EVERY_MS: '' })).toContain(
      'WECHATPAY_RENEWAL_CRON: renewal.cron is not a cron expression',
    );
    expect(problems({ WECHATPAY_RENEWAL_CRON: '', WECHATPAY_RENEWAL_EVERY_MS: '1' })).toContain(
      'WECHATPAY_RENEWAL_EVERY_MS: renewal.everyMs must be',
    );
  });

  it('open with a previous APIv3 key too, in whichever form both are given', async () => {
    const previous = 'p'.repeat(32);
    const values = read({
      WECHATPAY_API_V3_KEY: apiV3Key,
      WECHATPAY_PREVIOUS_API_V3_KEY: previous,
    });
    expect(values.credential).toMatchObject({ apiV3Key: [apiV3Key, previous] });
    const forms = (name: string, value: string): readonly Record<string, string>[] => [
      { [`WECHATPAY_${name}`]: value },
      { [`WECHATPAY_${name}_FILE`]: file(name, `${value}\n`) },
      { [`WECHATPAY_${name}_KMS`]: encrypted(value) },
    ];
    for (const current of forms('API_V3_KEY', apiV3Key)) {
      for (const earlier of forms('PREVIOUS_API_V3_KEY', previous)) {
        for (const name of Object.keys(process.env)) {
          if (name.startsWith('WECHATPAY')) delete process.env[name];
        }
        Object.assign(process.env, current, earlier, {
          WECHATPAY_MCHID: mchid,
          WECHATPAY_PRIVATE_KEY_FILE: file('key', privateKey),
          WECHATPAY_CERTIFICATE: certificate,
        });
        const options = wechatPayConfig.using({ kms })() as WechatPayOptions;
        expect(await load(options)).toMatchObject({ apiV3Keys: [apiV3Key, previous] });
      }
    }
  });

  it('take a new previous APIv3 key from its file', async () => {
    const options = read({
      WECHATPAY_MCHID: mchid,
      WECHATPAY_PRIVATE_KEY: privateKey,
      WECHATPAY_CERTIFICATE: certificate,
      WECHATPAY_API_V3_KEY: apiV3Key,
      WECHATPAY_PREVIOUS_API_V3_KEY_FILE: file('previous', 'p'.repeat(32)),
    });
    await load(options);
    const emission = nextEmission(sourceIn(options).changes);
    file('previous', 'n'.repeat(32));
    await emission;
    expect(await load(options)).toMatchObject({ apiV3Keys: [apiV3Key, 'n'.repeat(32)] });
  });

  it('name the variable of a previous APIv3 key that is wrong', () => {
    const start = (): unknown =>
      read({
        WECHATPAY_MCHID: mchid,
        WECHATPAY_PRIVATE_KEY_FILE: file('key', privateKey),
        WECHATPAY_CERTIFICATE: certificate,
        WECHATPAY_API_V3_KEY: apiV3Key,
        WECHATPAY_PREVIOUS_API_V3_KEY: 'short',
      });
    expect(start).toThrow(/WECHATPAY_PREVIOUS_API_V3_KEY: credential\.apiV3Key\[1\] .* 5 bytes/);
  });

  it('count an empty variable as none', () => {
    expect(read({ WECHATPAY_APPID: '', WECHATPAY_CERTIFICATE: ' \n' })).toMatchObject({
      appid: undefined,
      credential: { certificate: undefined },
    });
  });

  it('switch certificates on as well', () => {
    const options = read({ WECHATPAY_PLATFORM_CERTIFICATES: 'on' });
    expect(options.platform).toEqual({ certificates: true, publicKey: undefined });
  });

  /** Deciphers what only looks enciphered. */
  const kms: KmsDecryptClient = {
    decrypt: ({ CiphertextBlob }) =>
      Promise.resolve({ Plaintext: Buffer.from(Buffer.from(CiphertextBlob).reverse()) }),
  };
  const encrypted = (text: string): string => Buffer.from(text).reverse().toString('base64');
  const sourceIn = (options: WechatPayOptions): CredentialSource => {
    expect(options.credential).toEqual(expect.objectContaining({ load: expect.any(Function) }));
    return options.credential as CredentialSource;
  };
  const load = (options: WechatPayOptions): Promise<CredentialMaterial> =>
    sourceIn(options).load(new AbortController().signal);
  const keyIn = (material: CredentialMaterial): string => {
    const { privateKey: key } = material;
    return typeof key === 'object' && 'export' in key
      ? String(key.export({ type: 'pkcs8', format: 'pem' }))
      : String(key);
  };

  it('are a public key, a number and an appid from files, read once', () => {
    const options = read({
      WECHATPAY_MCHID_FILE: file('mchid', `${mchid}\n`),
      WECHATPAY_APPID_FILE: file('appid', 'wx0001\n'),
      WECHATPAY_PUBLIC_KEY_FILE: file('public', `${publicKey}\n`),
      WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_1',
      WECHATPAY_API_V3_KEY: apiV3Key,
    });
    expect(options).toMatchObject({
      mchid,
      appid: 'wx0001',
      credential: { apiV3Key },
      platform: { publicKey: { key: publicKey.trim() } },
    });
  });

  it('are a credential from files, without the line break at their end, and watched', async () => {
    const options = read({
      WECHATPAY_MCHID: mchid,
      WECHATPAY_API_V3_KEY_FILE: file('v3', `${apiV3Key}\n`),
      WECHATPAY_PRIVATE_KEY_FILE: file('key', `${privateKey}\r\n`),
      WECHATPAY_CERTIFICATE_FILE: file('certificate', certificate),
    });
    const material = await load(options);
    expect(keyIn(material)).toBe(privateKey);
    expect(material).toMatchObject({ apiV3Keys: [apiV3Key] });
    expect(String(material.certificate).trim()).toBe(certificate.trim());

    const emission = nextEmission(sourceIn(options).changes);
    file('v3', 'n'.repeat(32));
    await emission;
    expect(await load(options)).toMatchObject({ apiV3Keys: ['n'.repeat(32)] });
  });

  it('mix values with files in one credential', async () => {
    const options = read({
      WECHATPAY_MCHID: mchid,
      WECHATPAY_API_V3_KEY: apiV3Key,
      WECHATPAY_PRIVATE_KEY_FILE: file('key', privateKey),
      WECHATPAY_SERIAL_NO: 'ABC',
    });
    expect(await load(options)).toMatchObject({ serialNo: 'ABC', apiV3Keys: [apiV3Key] });
  });

  it('mix a key that is a value with an APIv3 key of a file', async () => {
    const options = read({
      WECHATPAY_MCHID: mchid,
      WECHATPAY_PRIVATE_KEY: privateKey,
      WECHATPAY_CERTIFICATE: certificate,
      WECHATPAY_API_V3_KEY_FILE: file('v3', apiV3Key),
    });
    const material = await load(options);
    expect(String(material.privateKey).trim()).toBe(privateKey.trim());
    expect(material).toMatchObject({ apiV3Keys: [apiV3Key] });
  });

  it('check the content of files at start, all of it', () => {
    const start = (): unknown =>
      read({
        WECHATPAY_MCHID: mchid,
        WECHATPAY_API_V3_KEY_FILE: file('v3', 'short'),
        WECHATPAY_PRIVATE_KEY_FILE: file('key', certificate),
        WECHATPAY_CERTIFICATE_FILE: file('certificate', certificate),
        WECHATPAY_NOTIFY_URL: 'no url',
      });
    expect(start).toThrow(/is a certificate: give apiclient_key.pem/);
    expect(start).toThrow(/APIv3密钥\) is 5 bytes long/);
    expect(start).toThrow(/notifyUrl/);
  });

  it('refuse a pair that is none at start', () => {
    const start = (): unknown =>
      read({
        WECHATPAY_MCHID: mchid,
        WECHATPAY_API_V3_KEY: apiV3Key,
        WECHATPAY_PRIVATE_KEY_FILE: file('key', privateKey),
        WECHATPAY_CERTIFICATE: makeCertificate(rsaKey('other'), { commonName: mchid }),
      });
    expect(start).toThrow(/does not belong to credential.certificate/);
  });

  it('are decrypted by a KMS that is given in code', async () => {
    Object.assign(process.env, {
      WECHATPAY_SHOP_B_MCHID: mchid,
      WECHATPAY_SHOP_B_API_V3_KEY_KMS: encrypted(apiV3Key),
      WECHATPAY_SHOP_B_PRIVATE_KEY_KMS: encrypted(privateKey),
      WECHATPAY_SHOP_B_CERTIFICATE_KMS: encrypted(certificate),
    });
    const config = wechatPayConfig.using({ kms }).for('shop-b');
    expect(config.KEY).toBe(wechatPayConfig.for('shop-b').KEY);
    const options = await config.asProvider().useFactory(config() as WechatPayOptions);
    expect(options).toMatchObject({ mchid });
    const material = await load(config() as WechatPayOptions);
    expect(keyIn(material)).toBe(privateKey);
    expect(material).toMatchObject({ apiV3Keys: [apiV3Key] });
    expect(String(material.certificate)).toContain('BEGIN CERTIFICATE');
  });

  it('check beside a ciphertext what is no ciphertext', () => {
    Object.assign(process.env, {
      WECHATPAY_MCHID: mchid,
      WECHATPAY_API_V3_KEY: 'short',
      WECHATPAY_PRIVATE_KEY_KMS: encrypted(privateKey),
      WECHATPAY_SERIAL_NO: 'ABC',
    });
    const config = wechatPayConfig.using({ kms });
    try {
      config();
    } catch (error) {
      expect((error as WechatPayConfigurationError).problems).toEqual([
        expect.stringContaining('(APIv3密钥) is 5 bytes long'),
      ]);
    }
    expect.assertions(1);
  });

  it('name the client that is missing for a ciphertext', () => {
    const problems = problemsOf({ WECHATPAY_PRIVATE_KEY_KMS: encrypted(privateKey) });
    expect(problems).toEqual([
      'WECHATPAY_PRIVATE_KEY_KMS needs a KMS client: use wechatPayConfig.using({ kms: new KMS({}) }) in place of wechatPayConfig',
    ]);
  });

  it('refuse a ciphertext that is no Base64, without showing it', () => {
    expect(problemsOf({ WECHATPAY_API_V3_KEY_KMS: 'projects-secret?' })).toEqual([
      'WECHATPAY_API_V3_KEY_KMS is not Base64: give the CiphertextBlob that the KMS encrypted it to',
    ]);
  });

  it.each([[{}], [null], ['kms'], [{ send: () => undefined }]])(
    'refuse %j for a KMS client',
    (client: unknown) => {
      expect(() => wechatPayConfig.using({ kms: client as KmsDecryptClient })).toThrow(
        /kms must have decrypt/,
      );
    },
  );

  it('are those of another merchant under its name, and of no other', () => {
    process.env['WECHATPAY_MCHID'] = '1900000001';
    process.env['WECHATPAY_SHOP_B_MCHID'] = '1900000002';
    expect((wechatPayConfig.for('shop-b')() as WechatPayOptions).mchid).toBe('1900000002');
    expect((wechatPayConfig.for('Shop_B')() as WechatPayOptions).mchid).toBe('1900000002');
    expect(() => wechatPayConfig.for('shop-c')()).toThrow(/no variable WECHATPAY_SHOP_C_… is set/);
    expect((wechatPayConfig() as WechatPayOptions).mchid).toBe('1900000001');
  });

  it('have a key of their own for each merchant', () => {
    const keys = [wechatPayConfig, wechatPayConfig.for('shop-b'), wechatPayConfig.for('shop-c')];
    expect(new Set(keys.map(({ KEY }) => String(KEY))).size).toBe(3);
  });

  it.each(['', 'shop b', '-shop', 'shop-', '商店', 'a/b', 'A=B'])(
    'refuse the merchant name %j',
    (name) => {
      expect(() => wechatPayConfig.for(name)).toThrow(WechatPayConfigurationError);
    },
  );

  it.each(['API_V3_KEY', 'PRIVATE_KEY', 'CERTIFICATE', 'PUBLIC_KEY'])(
    'refuse %s given both as a value and as a file',
    (name) => {
      const problems = problemsOf({
        WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_1',
        WECHATPAY_PUBLIC_KEY: 'public',
        [`WECHATPAY_${name}`]: 'hunter2',
        [`WECHATPAY_${name}_FILE`]: file('it', 'hunter3'),
      });
      expect(problems).toEqual([`WECHATPAY_${name} and WECHATPAY_${name}_FILE are both set`]);
    },
  );

  it('name every file that cannot be read, and why', () => {
    const problems = problemsOf({
      WECHATPAY_PRIVATE_KEY_FILE: join(directory, 'absent'),
      WECHATPAY_API_V3_KEY_FILE: directory,
    });
    expect(problems).toEqual([
      `WECHATPAY_PRIVATE_KEY_FILE: ${join(directory, 'absent')} cannot be read (ENOENT)`,
      `WECHATPAY_API_V3_KEY_FILE: ${directory} cannot be read (EISDIR)`,
    ]);
  });

  it('name the variable of each problem, and say what cannot be read once only', () => {
    try {
      read({
        WECHATPAY_MCHID: 'x',
        WECHATPAY_PRIVATE_KEY_FILE: join(directory, 'absent'),
        WECHATPAY_API_V3_KEY: 'short',
        WECHATPAY_NOTIFY_URL: 'y',
      });
      throw new Error('nothing was thrown');
    } catch (error) {
      const { problems } = error as WechatPayConfigurationError;
      expect(problems.map((problem) => problem.split(/[: ]/, 1)[0])).toEqual([
        'WECHATPAY_PRIVATE_KEY_FILE',
        'WECHATPAY_MCHID',
        'credential.certificate',
        'WECHATPAY_API_V3_KEY',
        'WECHATPAY_NOTIFY_URL',
      ]);
    }
  });

  it.each(['PUBLIC_KEY', 'MCHID', 'APPID'])('refuse %s_KMS in words: it is no secret', (name) => {
    const problems = problemsOf({ [`WECHATPAY_${name}_KMS`]: 'projects/secret/keys/1' });
    expect(problems).toEqual([
      `WECHATPAY_${name}_KMS is not supported: this is no secret, give it as it is`,
    ]);
  });

  it('refuse a key given as a value, a file and a ciphertext at once', () => {
    const problems = problemsOf({
      WECHATPAY_PRIVATE_KEY: privateKey,
      WECHATPAY_PRIVATE_KEY_FILE: file('key', privateKey),
      WECHATPAY_PRIVATE_KEY_KMS: encrypted(privateKey),
    });
    expect(problems).toEqual([
      'WECHATPAY_PRIVATE_KEY and WECHATPAY_PRIVATE_KEY_FILE and WECHATPAY_PRIVATE_KEY_KMS are all set',
    ]);
  });

  it('refuse a file that is too large or a device, without reading it', () => {
    expect(
      problemsOf({
        WECHATPAY_PRIVATE_KEY_FILE: file('large', 'x'.repeat(65_537)),
        WECHATPAY_CERTIFICATE_FILE: '/dev/zero',
      }),
    ).toEqual([
      `WECHATPAY_PRIVATE_KEY_FILE: ${join(directory, 'large')} cannot be read (TOO_LARGE)`,
      'WECHATPAY_CERTIFICATE_FILE: /dev/zero cannot be read (NOT_A_FILE)',
    ]);
  });

  it.each([[{ WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_1' }], [{ WECHATPAY_PUBLIC_KEY: 'public' }]])(
    'want a public key and its id together, not %j',
    (variables: Record<string, string>) => {
      expect(problemsOf(variables)).toEqual([
        'WECHATPAY_PUBLIC_KEY_ID and WECHATPAY_PUBLIC_KEY (or _FILE) are needed together',
      ]);
    },
  );

  it.each(['true', '1', 'ON', 'none'])('refuse %s for the certificates switch', (value) => {
    expect(problemsOf({ WECHATPAY_PLATFORM_CERTIFICATES: value })).toEqual([
      'WECHATPAY_PLATFORM_CERTIFICATES must be on or off',
    ]);
  });

  it('report everything at once, under the merchant’s own names and without a value', () => {
    process.env['WECHATPAY_SHOP_B_PRIVATE_KEY'] = 'hunter2';
    process.env['WECHATPAY_SHOP_B_PRIVATE_KEY_FILE'] = 'hunter3';
    process.env['WECHATPAY_SHOP_B_PUBLIC_KEY_ID'] = 'PUB_KEY_ID_1';
    process.env['WECHATPAY_SHOP_B_PLATFORM_CERTIFICATES'] = 'maybe';
    process.env['WECHATPAY_SHOP_B_API_V3_KEY_KMS'] = 'hunter4';
    const config = wechatPayConfig.for('shop-b');
    expect(() => config() as unknown).toThrow(/WECHATPAY_SHOP_B_PRIVATE_KEY and/);
    try {
      config();
    } catch (error) {
      const { problems } = error as WechatPayConfigurationError;
      expect(problems.filter((problem) => problem.includes('WECHATPAY_SHOP_B_'))).toHaveLength(6);
      expect(problems.join()).toContain('mchid (商户号) is missing');
      expect(String(error)).not.toMatch(/hunter|maybe/);
    }
    expect.assertions(4);
  });
});
