import { sign as cryptoSign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { encryptOaep } from '../../lib/crypto/index.js';
import type { CredentialMaterial, Signer } from '../../lib/merchant/index.js';
import {
  credentialProvider,
  merchantContext,
  rejection,
  testOptions,
  TEST_API_V3_KEY,
  TEST_MCHID,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';
import { makeCertificate, rsaKey } from '../support/x509.js';

const pair = rsaKey('merchant');
const certificate = makeCertificate(pair, { serial: '0ABC', commonName: TEST_MCHID });
const signing: Signer = {
  sign: (message) => Promise.resolve(cryptoSign('sha256', message, pair.privateKey)),
};
const material = (signer: unknown, rest: object = {}): CredentialMaterial =>
  ({ signer, certificate, apiV3Keys: [TEST_API_V3_KEY], ...rest }) as CredentialMaterial;
const platformKey = publicKeySigner('platform');

describe('a remote signer', () => {
  let platform: RawPlatform;
  let context: TestContext | undefined;

  beforeEach(async () => {
    platform = await RawPlatform.start(() => ({ body: '{"ok":true}', signer: platformKey }));
  });
  afterEach(async () => {
    await context?.end();
    context = undefined;
    await platform.close();
  });

  const connect = (signer: unknown, rest: object = {}): TestContext =>
    (context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        credential: { load: () => Promise.resolve(material(signer, rest)) },
        platform: {
          certificates: false,
          publicKey: publicKeyOption('platform'),
        },
      }),
    ));

  it('signs requests in place of a private key, which never enters the process', async () => {
    const sign = jest.fn(signing.sign);
    const { http, credentials, client } = connect({ sign });
    await expect(http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(credentials.credential?.privateKey).toBeUndefined();
    const [message, signal] = sign.mock.calls.at(-1) ?? [];
    expect(message?.toString()).toMatch(/^GET\n\/v3\/x\n\d{10}\n[0-9A-F]{32}\n\n$/);
    expect(signal).toBeInstanceOf(AbortSignal);
    const [request] = platform.requests;
    expect(request?.headers['authorization']).toContain('serial_no="0ABC"');
    await expect(
      client.payments.jsapi.invocation('wx201410272009395522657a690389285100'),
    ).resolves.toMatchObject({ signType: 'RSA' });
  });

  it('cannot open what the platform encrypted for its certificate, and says so', async () => {
    const name = encryptOaep('张三', pair.publicKey);
    platform.handler = () => ({ body: JSON.stringify({ name }), signer: platformKey });
    const { http } = connect(signing);
    const request = { method: 'GET', path: '/v3/x', decrypted: ['name'] } as const;
    await expect(rejection(http.request(request))).resolves.toMatchObject({
      code: 'DECRYPTION_FAILED',
      message: expect.stringContaining('a remote signer holds'),
    });
  });

  it('is refused when it does not sign for the certificate', async () => {
    const other = rsaKey('merchant-b').privateKey;
    const credentials = credentialProvider(TEST_MCHID, {
      load: () =>
        Promise.resolve(
          material({
            sign: (message: Buffer) => Promise.resolve(cryptoSign('sha256', message, other)),
          }),
        ),
    });
    await expect(rejection(credentials.get())).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('does not sign for credential.certificate'),
    });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('denied'))],
    [
      'throws',
      () => {
        throw new Error('denied');
      },
    ],
    ['returns nothing', () => Promise.resolve(undefined)],
    ['returns a text', () => Promise.resolve('signature')],
    ['returns too little', () => Promise.resolve(Buffer.alloc(255))],
  ])('that %s fails the call, and nothing is sent', async (_, sign) => {
    const { http } = connect({ sign }, { certificate: undefined, serialNo: '0ABC' });
    await expect(rejection(http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      isResultUnknown: false,
    });
    expect(platform.requests).toHaveLength(0);
  });

  it('that hangs is waited for as long as the call lasts, and is told when it is over', async () => {
    let given: AbortSignal | undefined;
    const sign = (_: Buffer, signal: AbortSignal) => (
      (given = signal),
      new Promise(() => undefined)
    );
    const { http } = connect({ sign }, { certificate: undefined, serialNo: '0ABC' });
    await expect(rejection(http.get('/v3/x', { timeoutMs: 30 }))).resolves.toMatchObject({
      code: 'TIMEOUT',
    });
    expect(given?.aborted).toBe(true);
  });

  it('cannot stand beside a private key, and must be able to sign', async () => {
    const load = (signer: unknown, rest: object): Promise<Error> =>
      rejection(
        credentialProvider(TEST_MCHID, {
          load: () => Promise.resolve(material(signer, rest)),
        }).get(),
      );
    const both = await load(signing, { privateKey: 'x' });
    expect(both.message).toContain('exclude each other');
    const none = await load({}, {});
    expect(none.message).toContain('sign(message, signal)');
  });
});
