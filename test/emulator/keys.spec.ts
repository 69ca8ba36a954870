import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  defaultKeysDir,
  EMULATOR_API_V3_KEY_PREFIX,
  EMULATOR_PUBLIC_KEY_ID_PREFIX,
  EMULATOR_SERIAL_PREFIX,
  WechatPayEmulator,
} from 'nestjs-wechatpay-emulator';
import { KeyStore } from '../../emulator/lib/keys/key-store.js';

describe('The keys of the emulator', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'emulator-keys-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are made once: two stores on one folder agree, even when they start together', async () => {
    const [first, second] = await Promise.all([
      new KeyStore(folder).merchant('1900000001'),
      new KeyStore(folder).merchant('1900000001'),
    ]);
    const third = await new KeyStore(folder).merchant('1900000001');
    for (const other of [second, third]) {
      expect(other.serial).toBe(first.serial);
      expect(other.privateKeyPem).toBe(first.privateKeyPem);
    }
    const files = await readdir(join(folder, 'merchants', '1900000001'));
    expect(files.sort()).toEqual(['apiclient_cert.pem', 'apiclient_key.pem', 'bundle.pem']);
  });

  it('are readable by their owner alone', async () => {
    await new KeyStore(folder).publicKey();
    await new KeyStore(folder).merchant('1900000001');
    const modeOf = async (path: string) => (await stat(join(folder, path))).mode & 0o777;
    if (process.platform === 'win32') return;
    expect(await modeOf('merchants')).toBe(0o700);
    expect(await modeOf('merchants/1900000001/apiclient_key.pem')).toBe(0o600);
    expect(await modeOf('merchants/1900000001/bundle.pem')).toBe(0o600);
    expect(await modeOf('public-key/bundle.pem')).toBe(0o600);
  });

  it('are RSA-2048 with a certificate for five years that says whose and what it is', async () => {
    const key = await new KeyStore(folder).merchant('1900000001');
    const pem = await readFile(key.certificatePath, 'utf8');
    const certificate = new X509Certificate(pem);
    expect(pem).toBe(key.certificatePem);
    expect(certificate.subject).toContain('CN=1900000001');
    expect(certificate.subject).toContain('TEST ONLY');
    expect(certificate.serialNumber).toBe(key.serial);
    expect(key.serial).toMatch(/^0E3A11A7[0-9A-F]{32}$/);
    expect(
      certificate.checkPrivateKey(createPrivateKey(await readFile(key.privateKeyPath, 'utf8'))),
    ).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    const years =
      (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / (365 * 86_400_000);
    expect(years).toBe(5);
  });

  it('are made anew when their files are damaged', async () => {
    const store = new KeyStore(folder);
    const [first, publicKey] = [await store.merchant('1900000001'), await store.publicKey()];
    await writeFile(join(folder, 'merchants/1900000001/bundle.pem'), first.privateKeyPem);
    await writeFile(join(folder, 'public-key/bundle.pem'), '');
    const again = await store.merchant('1900000001');
    expect(again.serial).not.toBe(first.serial);
    expect(await readFile(again.privateKeyPath, 'utf8')).toBe(again.privateKeyPem);
    expect((await store.publicKey()).publicKeyPem).not.toBe(publicKey.publicKeyPem);
  });

  it('are made anew when their certificate ends within a month', async () => {
    const store = new KeyStore(folder);
    const first = await store.merchant('1900000001');
    const day = 86_400_000;
    const ends = Date.parse(new X509Certificate(first.certificatePem).validTo);
    jest.useFakeTimers({
      now: ends - 32 * day,
      doNotFake: [
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        'setInterval',
        'clearInterval',
        'setTimeout',
        'clearTimeout',
      ],
    });
    try {
      expect((await store.merchant('1900000001')).serial).toBe(first.serial);
      jest.setSystemTime(ends - 29 * day);
      expect((await store.merchant('1900000001')).serial).not.toBe(first.serial);
    } finally {
      jest.useRealTimers();
    }
  });

  it('are not made where their place is taken by something else', async () => {
    await mkdir(join(folder, 'public-key/bundle.pem'), { recursive: true });
    await expect(new KeyStore(folder).publicKey()).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('carry the marks by which production refuses them', async () => {
    const emulator = await WechatPayEmulator.start({ keysDir: folder });
    try {
      expect(EMULATOR_SERIAL_PREFIX).toBe('0E3A11A7');
      const [merchant] = emulator.merchants;
      for (const serial of [merchant?.serial, emulator.platformCertificate.serial]) {
        expect(serial).toMatch(new RegExp(`^${EMULATOR_SERIAL_PREFIX}[0-9A-F]{32}$`));
      }
      expect(emulator.publicKey.id).toMatch(
        new RegExp(`^${EMULATOR_PUBLIC_KEY_ID_PREFIX}\\d{24}$`),
      );
      expect(emulator.apiV3Key).toMatch(
        new RegExp(`^${EMULATOR_API_V3_KEY_PREFIX}[0-9A-Za-z]{20}$`),
      );
      expect([emulator.mchid, emulator.appid]).toEqual(['1900000001', 'wxemulator00000001']);
    } finally {
      await emulator.close();
    }
  });

  it('stay the same from one start to the next', async () => {
    const seen: string[] = [];
    for (let start = 0; start < 2; start += 1) {
      const emulator = await WechatPayEmulator.start({ keysDir: folder });
      const { serial, certificate } = emulator.platformCertificate;
      seen.push(JSON.stringify([emulator.options({ baseUrl: '' }), serial, certificate]));
      await emulator.close();
    }
    expect(seen[1]).toBe(seen[0]);
  });

  it('live in the user’s cache folder', () => {
    const before = process.env['XDG_CACHE_HOME'];
    try {
      process.env['XDG_CACHE_HOME'] = folder;
      expect(defaultKeysDir()).toBe(join(folder, 'nestjs-wechatpay-emulator'));
      process.env['XDG_CACHE_HOME'] = 'relative';
      expect(defaultKeysDir()).toMatch(/\.cache[\\/]nestjs-wechatpay-emulator$/);
    } finally {
      if (before === undefined) delete process.env['XDG_CACHE_HOME'];
      else process.env['XDG_CACHE_HOME'] = before;
    }
  });
});
