import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { Merchant, send, type RawAnswer } from './support/merchant.js';

describe('Authentication', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  const path = '/v3/certificates';

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());

  function expectSignError(answer: RawAnswer, message: string): void {
    expect({ status: answer.status, ...answer.json }).toMatchObject({
      status: 401,
      code: 'SIGN_ERROR',
      message: expect.stringContaining(message),
    });
    expect(answer.headers['wechatpay-signature']).toBeUndefined();
    expect(answer.headers['request-id']).toMatch(/^[0-9A-F]+-268443699$/);
  }

  it('lets a well signed request in', async () => {
    expect((await merchant.get(path)).status).toBe(200);
  });

  it('takes the parameters of Authorization in any order', async () => {
    const reversed = (values: Record<string, string>) =>
      `WECHATPAY2-SHA256-RSA2048 ${Object.entries(values)
        .reverse()
        .map(([name, value]) => `${name}="${value}"`)
        .join(',')}`;
    expect((await merchant.get(path, { authorization: reversed })).status).toBe(200);
  });

  it.each<[string, (values: Record<string, string>) => string, string]>([
    ['is missing its scheme', () => 'x', '值格式错误'],
    ['has two spaces after the scheme', () => 'WECHATPAY2-SHA256-RSA2048  mchid="1"', '值格式错误'],
    ['has another scheme', () => 'WECHATPAY2-SM2-WITH-SM3 mchid="1"', '认证类型不正确'],
    ['has a parameter that is unknown', () => 'WECHATPAY2-SHA256-RSA2048 colour="red"', '不合法'],
    ['lacks the signature', ({ mchid }) => `WECHATPAY2-SHA256-RSA2048 mchid="${mchid}"`, '不合法'],
    ['has values without quotes', () => 'WECHATPAY2-SHA256-RSA2048 mchid=1', '不合法'],
    [
      'has a parameter twice',
      (values) => {
        const given = Object.entries(values).map(([name, value]) => `${name}="${value}"`);
        return `WECHATPAY2-SHA256-RSA2048 ${[...given, ...given.slice(0, 1)].join(',')}`;
      },
      '不合法',
    ],
  ])('refuses an Authorization that %s', async (_, authorization, message) => {
    expectSignError(await merchant.get(path, { authorization }), message);
  });

  it('refuses a request without Authorization', async () => {
    expectSignError(
      await merchant.get(path, { headers: { authorization: undefined } }),
      '值格式错误',
    );
  });

  it.each([300, 301, 3600, -300, -3600])('refuses a timestamp %d s off', async (offset) => {
    const timestamp = String(Math.floor(Date.now() / 1000) + offset);
    expectSignError(await merchant.get(path, { timestamp }), '不得超过5分钟');
  });

  it.each([290, -290])('accepts a timestamp %d s off', async (offset) => {
    const timestamp = String(Math.floor(Date.now() / 1000) + offset);
    expect((await merchant.get(path, { timestamp })).status).toBe(200);
  });

  it.each(['', 'NaN', '1e9', '-1', String(Date.now())])(
    'refuses the timestamp %j before it looks at the signature',
    async (timestamp) => {
      const answer = await merchant.get(path, { timestamp });
      expect(answer.status).toBe(401);
      expect(answer.json['message']).not.toContain('验签失败');
    },
  );

  it('refuses the serial of another certificate and an unknown merchant', async () => {
    const other = emulator.platformCertificate.serial;
    expectSignError(await merchant.get(path, { serial: other }), '商户证书序列号有误');
    expectSignError(await merchant.get(path, { mchid: '1900009999' }), '商户证书序列号有误');
  });

  it('refuses a signature by another key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expectSignError(await merchant.get(path, { privateKey: pem }), '验签失败');
  });

  it('refuses a signature that is not base64', async () => {
    const garbled = (values: Record<string, string>) =>
      `WECHATPAY2-SHA256-RSA2048 ${Object.entries({ ...values, signature: '***' })
        .map(([name, value]) => `${name}="${value}"`)
        .join(',')}`;
    expectSignError(await merchant.get(path, { authorization: garbled }), '验签失败');
  });

  it('tells what it has signed when the signature does not match, with a cut body', async () => {
    const body = JSON.stringify(merchant.order('SIGNINFO01'));
    const target = '/v3/pay/transactions/native';
    const answer = await merchant.post(target, body, { signedBody: `${body} ` });
    expectSignError(answer, '验签失败');
    expect(answer.json['detail']).toEqual({
      field: 'signature',
      location: 'authorization',
      detail: { issue: 'sign not match' },
      sign_information: {
        method: 'POST',
        url: target,
        truncated_sign_message: expect.stringMatching(
          /^POST\n\/v3\/pay\/transactions\/native\n\d+\n[0-9A-F]{32}\n\{"appid":"$/,
        ),
        sign_message_length: expect.any(Number),
      },
    });
  });

  it('checks the path and query exactly as they came over the wire', async () => {
    const encoded = '/v3/pay/transactions/out-trade-no/A%7CB-0001?mchid=1900000001';
    const plain = encoded.replace('%7C', '|');
    expect((await merchant.get(encoded)).status).toBe(404);
    expect((await merchant.get(plain)).status).toBe(404);
    expectSignError(await merchant.get(encoded, { signedPath: plain }), '验签失败');
    expectSignError(await merchant.get(plain, { signedPath: encoded }), '验签失败');
  });

  it('knows no merchant by the key of another', async () => {
    const { mchid } = await emulator.addMerchant();
    const other = new Merchant(emulator, mchid);
    expect((await other.get(path)).status).toBe(200);
    expectSignError(await other.get(path, { mchid: emulator.mchid }), '商户证书序列号有误');
  });

  it.each([
    ['GET', '/v3/unknown', 404],
    ['GET', '/v3/certificates/', 404],
    ['GET', '/v3/Certificates', 404],
    ['GET', '/brand/anything', 404],
    ['GET', '/v3/pay/transactions/out-trade-no/', 404],
    ['POST', '/v3/certificates', 405],
    ['DELETE', '/v3/pay/transactions/native', 405],
  ])('answers %s %s with %d and nothing in it', async (method, target, status) => {
    const answer = await merchant.call(method, target, undefined);
    expect(answer.status).toBe(status);
    expect(answer.text).toBe('');
    expect(answer.headers['wechatpay-signature']).toBeUndefined();
  });

  it.each([
    ['/v3/certificates', 400],
    ['/v3/refund/domestic/refunds/none', 400],
    ['/v3/pay/transactions/id/1?mchid=1900000001', 401],
  ])('on %s notices missing Accept and User-Agent with %d first', async (target, status) => {
    expect((await send(emulator.url, { path: target })).status).toBe(status);
  });

  it.each(['accept', 'user-agent'])('refuses a signed request without %s', async (name) => {
    const answer = await merchant.query('HEADERS001');
    expect(answer.status).toBe(404);
    const target = `/v3/pay/transactions/out-trade-no/HEADERS001?mchid=${merchant.mchid}`;
    const without = await merchant.get(target, { headers: { [name]: undefined } });
    expect(without).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
    expect(without.json['message']).toContain('Accept');
  });

  it('keeps connections for eight seconds', async () => {
    const headers = { connection: 'keep-alive' };
    const answer = await send(emulator.url, { path: '/v3/certificates', headers });
    expect(answer.headers['keep-alive']).toBe('timeout=8');
  });

  it('refuses a body beyond two megabytes', async () => {
    const body = Buffer.alloc(2 * 1024 * 1024 + 1, 'x');
    const answer = await send(emulator.url, {
      method: 'POST',
      path: '/v3/pay/transactions/native',
      body,
    })
      .then(({ status }) => status)
      .catch(() => 413);
    expect(answer).toBe(413);
  });
});
