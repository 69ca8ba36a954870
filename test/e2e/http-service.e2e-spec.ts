import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import {
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
  type Reply,
} from '../support/raw-platform.js';
import { rsaKey } from '../support/x509.js';

const signer = publicKeySigner('platform');
const stranger = { ...signer, privateKey: rsaKey('stranger').privateKey };

describe('answers that do not prove themselves', () => {
  let platform: RawPlatform;
  let context: TestContext;

  beforeEach(async () => {
    platform = await RawPlatform.start(undefined, () => context.clock.now());
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });

  afterEach(async () => {
    await context.end();
    await platform.close();
  });

  const answer = (reply: Reply): void => {
    platform.handler = () => reply;
  };
  const seconds = (offset: number): string =>
    String(Math.floor(context.clock.now() / 1000) + offset);

  it('accepts what the platform signed, with status and request id', async () => {
    answer({ status: 202, body: '{"a":1}', signer });
    const result = await context.http.get<{ a: number }>('/v3/x');
    expect(result).toMatchObject({ status: 202, data: { a: 1 }, requestId: '08F0A1B2C3-0' });
  });

  const body = '{"code_url":"weixin://evil"}';
  const cases: readonly [string, string, (at: (offset: number) => string) => Reply][] = [
    ['without a signature', 'SIGNATURE_MISSING', () => ({ body })],
    ['HTML with status 200', 'SIGNATURE_MISSING', () => ({ body: '<html>log in</html>' })],
    [
      'signed by another key under the right name',
      'SIGNATURE_INVALID',
      () => ({ body, signer: stranger }),
    ],
    [
      'signed over another body',
      'SIGNATURE_INVALID',
      () => ({ body, signer, signature: { value: Buffer.alloc(256, 1).toString('base64') } }),
    ],
    [
      'whose signature is not Base64',
      'SIGNATURE_INVALID',
      () => ({ body, signer, signature: { value: '~'.repeat(344) } }),
    ],
    [
      'with an empty signature',
      'SIGNATURE_MISSING',
      () => ({ body, signer, signature: { value: '' } }),
    ],
    [
      'with a deliberate probe',
      'SIGNATURE_INVALID',
      () => ({ body, signer, signature: { value: `WECHATPAY/SIGNTEST/${'A'.repeat(325)}` } }),
    ],
    [
      'signed 300 seconds ago',
      'SIGNATURE_EXPIRED',
      (at) => ({ body, signer, signature: { timestamp: at(-300) } }),
    ],
    [
      'signed 300 seconds ahead',
      'SIGNATURE_EXPIRED',
      (at) => ({ body, signer, signature: { timestamp: at(300) } }),
    ],
    [
      'signed in milliseconds',
      'SIGNATURE_MALFORMED',
      (at) => ({ body, signer, signature: { timestamp: `${at(0)}000` } }),
    ],
    [
      'with a negative time',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, signature: { timestamp: '-1' } }),
    ],
    [
      'with NaN as time',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, signature: { timestamp: 'NaN' } }),
    ],
    [
      'with 1e9 as time',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, signature: { timestamp: '1e9' } }),
    ],
    ['with time 0', 'SIGNATURE_EXPIRED', () => ({ body, signer, signature: { timestamp: '0' } })],
    [
      'of the SM2 type',
      'SIGNATURE_TYPE_UNSUPPORTED',
      () => ({ body, signer, signature: { type: 'WECHATPAY2-SM2-WITH-SM3' } }),
    ],
    [
      'naming __proto__ as serial',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, signature: { serial: '__proto__' } }),
    ],
    [
      'naming constructor as serial',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, signature: { serial: 'constructor' } }),
    ],
    [
      'naming an unknown public key',
      'SIGNATURE_KEY_UNKNOWN',
      () => ({ body, signer, signature: { serial: 'PUB_KEY_ID_0119' } }),
    ],
    [
      'naming a certificate while none are used',
      'SIGNATURE_KEY_UNKNOWN',
      () => ({ body, signer, signature: { serial: 'ABCD' } }),
    ],
    [
      'with a header twice',
      'SIGNATURE_MALFORMED',
      () => ({ body, signer, headers: { 'Wechatpay-Nonce': ['a', 'b'] } }),
    ],
    [
      'compressed without being asked',
      'SIGNATURE_INVALID',
      () => ({
        signer,
        body,
        write: (response, headers) => {
          response.writeHead(200, { ...headers, 'content-encoding': 'gzip' });
          response.end(gzipSync(body)); // signed over the text inside
        },
      }),
    ],
  ];

  it.each(cases)('are refused: %s', async (_, code, reply) => {
    context.clock.ms = Math.floor(context.clock.ms / 1000) * 1000;
    answer(reply(seconds));
    const read = await rejection(context.http.get('/v3/x'));
    expect(read).toMatchObject({ name: 'WechatPaySignatureError', code });
    const write = await rejection(context.http.post('/v3/x', { a: 1 }));
    expect(write).toMatchObject({
      name: 'WechatPayUnknownResultError',
      code: 'RESULT_UNKNOWN',
      isResultUnknown: true,
      isRetryable: true,
      requestId: undefined,
      cause: expect.objectContaining({ code }),
    });
    for (const error of [read, write]) expect(String(error)).not.toContain('weixin://evil');
  });

  it('accepts a signature 299 seconds old or ahead', async () => {
    context.clock.ms = Math.floor(context.clock.ms / 1000) * 1000;
    for (const offset of [-299, 299]) {
      answer({ body: '{}', signer, signature: { timestamp: seconds(offset) } });
      await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    }
    // the platform tells whole seconds
    expect(Math.abs((context.http.clockSkewMs ?? 0) + 299_000)).toBeLessThan(1000);
  });

  it('marks a deliberate probe as one, and refuses it all the same', async () => {
    answer({ body: '{}', signer, signature: { value: 'WECHATPAY/SIGNTEST/x' } });
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      isProbe: true,
      serial: signer.id,
    });
  });

  it('takes a signature made without naming its type for RSA', async () => {
    platform.handler = () => ({
      body: '{}',
      signer,
      write: (response, headers) => {
        delete headers['Wechatpay-Signature-Type'];
        response.writeHead(200, headers).end('{}');
      },
    });
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ data: {} });
  });

  it('verifies an empty 204, and refuses an unsigned one', async () => {
    answer({ status: 204, signer });
    const verified = await context.http.post('/v3/close', {});
    expect(verified).toMatchObject({ status: 204, data: undefined });
    answer({ status: 204 });
    const error = await rejection(context.http.post('/v3/close', {}));
    expect(error).toMatchObject({ code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_MISSING' } });
  });

  it('refuses a signed 204 whose signature is of another body', async () => {
    answer({
      status: 204,
      signer,
      signature: { nonce: 'a\tb'.replace('\t', ''), value: 'A'.repeat(342) + '==' },
    });
    await expect(rejection(context.http.delete('/v3/x'))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      cause: { code: 'SIGNATURE_INVALID' },
    });
  });

  it.each([
    ['cut in two', Buffer.from('{"a":')],
    ['of a bare word', Buffer.from('undefined')],
    ['with invalid UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
  ])('reports verified content that is not JSON: %s', async (_, content) => {
    answer({ body: content, signer });
    const read = await rejection(context.http.get('/v3/x'));
    expect(read).toMatchObject({ code: 'ANSWER_NOT_JSON', requestId: '08F0A1B2C3-0' });
    expect(read.cause).toBeUndefined();
    // the platform answered 2xx to a write: whatever it did, it may have done it
    await expect(rejection(context.http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      cause: { code: 'ANSWER_NOT_JSON' },
    });
  });

  it.each([
    '{"__proto__":{"admin":true},"a":1}',
    '{"\\u005f_proto__":{"admin":true},"a":1}',
    '{"__pr\\u006fto__":{"admin":true},"a":1}',
  ])('leaves __proto__ out of what it parses: %s', async (text) => {
    answer({ body: text, signer });
    const { data } = await context.http.get<Record<string, unknown>>('/v3/x');
    expect(Object.getOwnPropertyNames(data)).toEqual(['a']);
    expect(Object.getPrototypeOf(data)).toBe(Object.getPrototypeOf(JSON.parse('{}')));
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    expect({ ...data }).toEqual({ a: 1 });
  });
});
