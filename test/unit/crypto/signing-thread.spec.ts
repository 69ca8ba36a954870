import * as crypto from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { rsaKey } from '../../support/x509.js';

type Support = typeof import('../../support/merchant-context.js');
type Signing = typeof import('../../../lib/crypto/index.js');
type TestContext = ReturnType<Support['merchantContext']>;

/** Node's own functions, watched. */
const watched = {
  sign: jest.fn(crypto.sign as (...parameters: unknown[]) => unknown),
  createSign: jest.fn(crypto.createSign),
  createPrivateKey: jest.fn(crypto.createPrivateKey),
};

describe('signing', () => {
  let support: Support;
  let signing: Signing;
  let context: TestContext | undefined;

  beforeAll(async () => {
    const factory = (): object => ({ ...crypto, ...watched });
    jest.doMock('node:crypto', factory); // for CommonJS
    jest.unstable_mockModule('node:crypto', factory); // for ES modules
    support = await import('../../support/merchant-context.js');
    signing = await import('../../../lib/crypto/index.js');
  });
  afterEach(async () => {
    await context?.end();
    context = undefined;
    for (const spy of Object.values(watched)) spy.mockClear();
  });
  afterAll(() => {
    jest.dontMock('node:crypto');
  });

  it('leaves the event loop free: no signature comes before the loop has turned', async () => {
    const { privateKey } = rsaKey('thread');
    let isSigned = false;
    const signature = signing.signSha256(Buffer.from('m'), privateKey).then(() => {
      isSigned = true;
    });
    for (let turn = 0; turn < 1_000; turn += 1) await Promise.resolve();
    expect(isSigned).toBe(false);
    await signature;
    expect(watched.sign.mock.calls).toEqual([
      ['RSA-SHA256', Buffer.from('m'), privateKey, expect.any(Function)],
    ]);
    expect(watched.createSign).not.toHaveBeenCalled();
  });

  it('uses the key that was parsed at the start, for calls, files and invocations', async () => {
    const dispatch = (): boolean => {
      throw new Error('no network');
    };
    const options = support.testOptions({
      baseUrl: 'http://127.0.0.1:9',
      platform: { certificates: true, publicKey: publicKey() },
      http: { dispatcher: { dispatch } },
    });
    context = support.merchantContext(options);
    expect(watched.createPrivateKey).toHaveBeenCalled();
    watched.createPrivateKey.mockClear();
    watched.sign.mockClear(); // the test signs the certificates that it makes
    const { client, credentials, http, certificates } = context;
    for (let count = 0; count < 3; count += 1) {
      await support.rejection(http.get('/v3/x'));
      await support.rejection(http.post('/v3/x', {}));
      await support.rejection(http.stream('/v3/billdownload/file?token=abc'));
      await support.rejection(certificates.refresh());
      await client.payments.jsapi.invocation('wx1');
      await client.payments.app.invocation('wx1');
    }
    expect(watched.createPrivateKey).not.toHaveBeenCalled();
    expect(watched.sign).toHaveBeenCalledTimes(18);
    const { privateKey } = await credentials.get();
    for (const [, , key, callback] of watched.sign.mock.calls) {
      expect(key).toBe(privateKey);
      expect(callback).toBeInstanceOf(Function);
    }
  });
});

function publicKey(): { id: string; key: crypto.KeyObject } {
  return { id: 'PUB_KEY_ID_0119000091912026000000000001', key: rsaKey('platform').publicKey };
}
