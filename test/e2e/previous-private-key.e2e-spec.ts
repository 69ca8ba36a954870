import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encryptOaep } from '../../lib/crypto/index.js';
import {
  merchantContext,
  rejection,
  TEST_API_V3_KEY,
  TEST_MCHID,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';
import { makeCertificate, pem, rsaKey } from '../support/x509.js';

const HOUR = 3_600_000;
const signer = publicKeySigner('platform');
const next = rsaKey('merchant-next');

describe('an answer with fields that are encrypted for the merchant', () => {
  let platform: RawPlatform;
  let context: TestContext;
  let fields: readonly string[];

  beforeEach(async () => {
    const reply = () => ({
      body: JSON.stringify({ name: fields[0], phone: fields[1] }),
      signer,
    });
    platform = await RawPlatform.start(reply, () => context.clock.now());
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });
  afterEach(async () => {
    await platform.close();
    await context.end();
  });

  const forKey = (name: string): void => {
    fields = ['张三', '139'].map((text) => encryptOaep(text, rsaKey(name).publicKey));
  };
  const ask = () =>
    context.http.request({ method: 'GET', path: '/v3/x', decrypted: ['name', 'phone'] });
  const replace = () =>
    context.credentials.replace({
      privateKey: pem('PRIVATE KEY', next.privateKey.export({ type: 'pkcs8', format: 'der' })),
      certificate: makeCertificate(next, { serial: '0A1B2C3D4E60', commonName: TEST_MCHID }),
      apiV3Keys: [TEST_API_V3_KEY],
    });
  const used = (): number =>
    context.events.filter(({ type }) => type === 'previous-private-key-used').length;

  it('says nothing of the key in force', async () => {
    forKey('merchant');
    await expect(ask()).resolves.toMatchObject({ data: { name: '张三', phone: '139' } });
    await replace();
    forKey('merchant-next');
    await ask();
    expect(used()).toBe(0);
  });

  it('says once an hour that only a previous private key opens them', async () => {
    await replace();
    forKey('merchant');
    await expect(ask()).resolves.toMatchObject({ data: { name: '张三', phone: '139' } });
    await ask();
    expect(used()).toBe(1);
    context.clock.advance(HOUR);
    await ask();
    expect(used()).toBe(2);
  });

  it('says so of a previous private key where a remote signer signs now', async () => {
    await context.credentials.replace({
      signer: { sign: () => Promise.resolve(Buffer.alloc(256)) },
      serialNo: '0A1B2C3D4E61',
      apiV3Keys: [TEST_API_V3_KEY],
    } as never);
    forKey('merchant');
    await ask();
    expect(used()).toBe(1);
  });

  it('says nothing of what opens with no key: that is an error', async () => {
    forKey('somebody');
    await expect(rejection(ask())).resolves.toMatchObject({ code: 'DECRYPTION_FAILED' });
    expect(used()).toBe(0);
  });
});
