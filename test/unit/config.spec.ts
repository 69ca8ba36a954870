import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DirectoryCertificateStore,
  wechatPayConfig,
  WechatPayConfigurationError,
  type WechatPayOptions,
} from 'nestjs-wechatpay';

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
      // what the values lack is said in the same error, after what the variables lack
      return problems.filter((problem) => /WECHATPAY_/.test(problem));
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
    expect(read({})).toEqual({
      mchid: '',
      appid: undefined,
      credential: { privateKey: '', certificate: undefined, serialNo: undefined, apiV3Key: [] },
      platform: { certificates: undefined, publicKey: undefined },
      notifyUrl: undefined,
      baseUrl: undefined,
      store: undefined,
    });
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

  it('are read from files, without the line break at their end', () => {
    const options = read({
      WECHATPAY_API_V3_KEY_FILE: file('v3', `${'k'.repeat(32)}\n`),
      WECHATPAY_PRIVATE_KEY_FILE: file('key', 'private\r\n'),
      WECHATPAY_CERTIFICATE_FILE: file('certificate', 'certificate'),
      WECHATPAY_PUBLIC_KEY_FILE: file('public', 'public\n'),
      WECHATPAY_PUBLIC_KEY_ID: 'PUB_KEY_ID_1',
    });
    expect(options).toMatchObject({
      credential: {
        privateKey: 'private',
        certificate: 'certificate',
        apiV3Key: 'k'.repeat(32),
      },
      platform: { publicKey: { key: 'public' } },
    });
  });

  it('are those of another merchant under its name, and of no other', () => {
    process.env['WECHATPAY_MCHID'] = '1900000001';
    process.env['WECHATPAY_SHOP_B_MCHID'] = '1900000002';
    expect((wechatPayConfig.for('shop-b')() as WechatPayOptions).mchid).toBe('1900000002');
    expect((wechatPayConfig.for('Shop_B')() as WechatPayOptions).mchid).toBe('1900000002');
    expect((wechatPayConfig.for('shop-c')() as WechatPayOptions).mchid).toBe('');
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
      'The file named by WECHATPAY_PRIVATE_KEY_FILE cannot be read (ENOENT)',
      'The file named by WECHATPAY_API_V3_KEY_FILE cannot be read (EISDIR)',
    ]);
  });

  it.each(['API_V3_KEY', 'PRIVATE_KEY', 'PUBLIC_KEY'])('refuse %s_KMS in words', (name) => {
    expect(problemsOf({ [`WECHATPAY_${name}_KMS`]: 'projects/secret/keys/1' })).toEqual([
      `WECHATPAY_${name}_KMS is not supported by this version`,
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
    process.env['WECHATPAY_SHOP_B_PRIVATE_KEY_FILE'] = '/absent/hunter3';
    process.env['WECHATPAY_SHOP_B_PUBLIC_KEY_ID'] = 'PUB_KEY_ID_1';
    process.env['WECHATPAY_SHOP_B_PLATFORM_CERTIFICATES'] = 'maybe';
    process.env['WECHATPAY_SHOP_B_API_V3_KEY_KMS'] = 'hunter4';
    const config = wechatPayConfig.for('shop-b');
    expect(() => config() as unknown).toThrow(/WECHATPAY_SHOP_B_PRIVATE_KEY and/);
    try {
      config();
    } catch (error) {
      const { problems } = error as WechatPayConfigurationError;
      expect(problems.filter((problem) => problem.includes('WECHATPAY_SHOP_B_'))).toHaveLength(5);
      expect(problems.join()).toContain('mchid (商户号) is missing');
      expect(String(error)).not.toMatch(/hunter|maybe/);
    }
    expect.assertions(4);
  });
});
