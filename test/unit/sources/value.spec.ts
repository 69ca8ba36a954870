import { describe, expect, it } from '@jest/globals';
import { fromEnv, fromValue, WechatPayConfigurationError } from 'nestjs-wechatpay';

const { signal } = new AbortController();

describe('a field of a value', () => {
  it('delivers it every time', async () => {
    const field = fromValue('value');
    expect(await field.load(signal)).toBe('value');
    expect(await field.load(signal)).toBe('value');
    expect(field.changes).toBeUndefined();
  });

  it('delivers bytes that may be overwritten without harm to the next load', async () => {
    const bytes = Buffer.from('value');
    const field = fromValue(bytes);
    (await field.load(signal)).fill(0);
    expect(String(await field.load(signal))).toBe('value');
    expect(String(bytes)).toBe('value');
  });
});

describe('a field of an environment variable', () => {
  it('is read at every load', async () => {
    const environment: Record<string, string> = { A_KEY: 'one' };
    const field = fromEnv('A_KEY', environment);
    expect(await field.load(signal)).toBe('one');
    environment['A_KEY'] = 'two';
    expect(await field.load(signal)).toBe('two');
    expect(field.changes).toBeUndefined();
  });

  it('is one of the process by default', async () => {
    process.env['WECHATPAY_TEST_FROM_ENV'] = 'here';
    try {
      expect(await fromEnv('WECHATPAY_TEST_FROM_ENV').load(signal)).toBe('here');
    } finally {
      delete process.env['WECHATPAY_TEST_FROM_ENV'];
    }
  });

  it.each([[{}], [{ A_KEY: '' }], [{ A_KEY: ' \n' }], [{ A_KEY: undefined }]])(
    'is named when it is missing or empty, as in %j',
    async (environment) => {
      await expect(fromEnv('A_KEY', environment).load(signal)).rejects.toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
        message: 'the environment variable A_KEY is missing or empty: set it',
      });
    },
  );

  it.each(['toString', '__proto__', 'constructor'])(
    'is none where it is only inherited: %s',
    async (name) => {
      await expect(fromEnv(name, {}).load(signal)).rejects.toThrow(/is missing or empty/);
    },
  );

  it.each(['', 'A KEY', '-----BEGIN PRIVATE KEY-----', 'a'.repeat(129), undefined])(
    'is refused when %j cannot be its name, without a word of it',
    (name) => {
      const make = (): unknown => fromEnv(name as string);
      expect(make).toThrow(WechatPayConfigurationError);
      expect(make).toThrow(/needs the name of an environment variable, not its content$/);
    },
  );
});
