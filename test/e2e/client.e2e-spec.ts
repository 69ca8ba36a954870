import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requestIdOf, type WechatPayClient } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { merchantContext, rejection, type TestContext } from '../support/merchant-context.js';

const NOTIFY_URL = 'http://127.0.0.1:9/notify';
let count = 0;
const nextNumber = (): string => `order-${process.pid}-${(count += 1)}`;

describe('the client against the platform', () => {
  let emulator: WechatPayEmulator;
  let context: TestContext;
  let client: WechatPayClient;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    context = merchantContext(emulator.options({ notifyUrl: NOTIFY_URL }));
    ({ client } = context);
  });
  afterAll(async () => {
    await emulator.close();
    await context.end();
  });

  const order = (): { description: string; out_trade_no: string; amount: { total: number } } => ({
    description: '茶',
    out_trade_no: nextNumber(),
    amount: { total: 100 },
  });
  const payer = { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' };
  const scene = { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } };

  /** Whether the merchant's public key holds for the lines that the platform documents. */
  const isSigned = (lines: readonly string[], signature: string): boolean => {
    const { privateKey } = emulator.options().credential;
    const message = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8');
    return verify('sha256', message, createPublicKey(privateKey), Buffer.from(signature, 'base64'));
  };

  const products = [
    [
      'native',
      () => client.payments.native,
      (body: object) => client.payments.native.prepay(body as never),
      { code_url: expect.stringMatching(/^weixin:/) },
      {},
    ],
    [
      'jsapi',
      () => client.payments.jsapi,
      (body: object) => client.payments.jsapi.prepay(body as never),
      { prepay_id: expect.stringMatching(/^wx/) },
      { payer },
    ],
    [
      'app',
      () => client.payments.app,
      (body: object) => client.payments.app.prepay(body as never),
      { prepay_id: expect.stringMatching(/^wx/) },
      {},
    ],
    [
      'h5',
      () => client.payments.h5,
      (body: object) => client.payments.h5.prepay(body as never),
      { h5_url: expect.stringMatching(/^http/) },
      { scene_info: scene },
    ],
  ] as const;

  it.each(products)(
    '%s: places, finds, pays and closes orders',
    async (_, product, prepay, result, more) => {
      const paid = { ...order(), ...more };
      expect(await prepay(paid)).toEqual(result);
      await expect(product().queryByOutTradeNo(paid.out_trade_no)).resolves.toMatchObject({
        mchid: emulator.mchid,
        appid: emulator.appid,
        out_trade_no: paid.out_trade_no,
        trade_state: 'NOTPAY',
      });
      emulator.pay(paid.out_trade_no);
      const { transaction_id = '', trade_state } = await product().queryByOutTradeNo(
        paid.out_trade_no,
      );
      expect(trade_state).toBe('SUCCESS');
      await expect(product().queryById(transaction_id)).resolves.toMatchObject({
        out_trade_no: paid.out_trade_no,
      });
      const unpaid = { ...order(), ...more };
      await prepay(unpaid);
      await expect(product().close(unpaid.out_trade_no)).resolves.toBeUndefined();
      await expect(product().queryByOutTradeNo(unpaid.out_trade_no)).resolves.toMatchObject({
        trade_state: 'CLOSED',
      });
      await expect(rejection(product().close(paid.out_trade_no))).resolves.toMatchObject({
        platformCode: 'ORDERPAID',
        message: expect.stringContaining('paid already'),
      });
    },
  );

  it('is idempotent by out_trade_no, and says what to do about a changed repetition', async () => {
    const body = order();
    const first = await client.payments.native.prepay(body);
    await expect(client.payments.native.prepay(body)).resolves.toEqual(first);
    const changed = client.payments.native.prepay({ ...body, amount: { total: 101 } });
    await expect(rejection(changed)).resolves.toMatchObject({ status: 400, isRetryable: false });
  });

  it('signs what opens a JSAPI payment, over the lines that the platform documents', async () => {
    const { prepay_id, invocation } = await client.payments.jsapi.prepayWithInvocation({
      ...order(),
      payer,
    });
    const { appId, timeStamp, nonceStr, paySign } = invocation;
    expect(invocation).toEqual({
      appId: emulator.appid,
      timeStamp: String(Math.floor(context.clock.now() / 1000)),
      nonceStr,
      package: `prepay_id=${prepay_id}`,
      signType: 'RSA',
      paySign,
    });
    expect(isSigned([appId, timeStamp, nonceStr, `prepay_id=${prepay_id}`], paySign)).toBe(true);
    expect(isSigned([appId, timeStamp, nonceStr, prepay_id], paySign)).toBe(false);
    const again = await client.payments.jsapi.invocation(prepay_id);
    expect(again.nonceStr).not.toBe(nonceStr);
  });

  it('signs what opens an APP payment, without the prefix', async () => {
    const { prepay_id, invocation } = await client.payments.app.prepayWithInvocation(order());
    const { appid, timestamp, noncestr, sign } = invocation;
    expect(invocation).toEqual({
      appid: emulator.appid,
      partnerid: emulator.mchid,
      prepayid: prepay_id,
      package: 'Sign=WXPay',
      noncestr,
      timestamp,
      sign,
    });
    expect(isSigned([appid, timestamp, noncestr, prepay_id], sign)).toBe(true);
  });

  it('refunds by its own number, and finds the refund again', async () => {
    const body = order();
    await client.payments.native.prepay(body);
    emulator.pay(body.out_trade_no);
    const out_refund_no = `${body.out_trade_no}|*@1`;
    const request = {
      out_trade_no: body.out_trade_no,
      out_refund_no,
      amount: { refund: 40, total: 100, currency: 'CNY' },
    };
    const created = await client.refunds.create(request as never);
    expect(created).toMatchObject({ out_refund_no, status: 'PROCESSING' });
    await expect(client.refunds.create(request as never)).resolves.toMatchObject({
      refund_id: created.refund_id,
    });
    emulator.finishRefund(out_refund_no);
    await expect(client.refunds.query(out_refund_no)).resolves.toMatchObject({ status: 'SUCCESS' });
    await expect(rejection(client.refunds.query('nothing'))).resolves.toMatchObject({
      status: 404,
    });
  });

  it('tells the request id of every result that is an object', async () => {
    const result = await client.payments.native.prepay(order());
    expect(requestIdOf(result)).toMatch(/^[0-9A-F]{40}-0$/);
    expect(requestIdOf({})).toBeUndefined();
    expect(requestIdOf({ ...result })).toBeUndefined();
  });

  it('hands call options on', async () => {
    const abort = AbortSignal.abort(new Error('gone'));
    const { native } = client.payments;
    for (const call of [
      native.prepay(order(), { signal: abort }),
      native.queryById('1', { signal: abort }),
      native.close('1', { signal: abort }),
      client.refunds.query('1', { signal: abort }),
    ].map(rejection)) {
      await expect(call).resolves.toMatchObject({ code: 'ABORTED' });
    }
    await expect(rejection(native.queryById('1', { timeoutMs: 0 }))).resolves.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  it('carries the platform’s hint when it refuses a signature', async () => {
    const options = emulator.options({ notifyUrl: NOTIFY_URL });
    const other = await emulator.addMerchant();
    const wrong = merchantContext({
      ...options,
      platform: { certificates: false, publicKey: emulator.options().platform.publicKey as never },
      credential: {
        privateKey: other.privateKey,
        serialNo: emulator.merchants[0]?.serial ?? '',
        apiV3Key: emulator.apiV3Key,
      },
    });
    const error = await rejection(wrong.client.payments.native.queryByOutTradeNo('order-secret-1'));
    expect(error).toMatchObject({
      status: 401,
      platformCode: 'SIGN_ERROR',
      message: expect.stringContaining('商户API证书序列号'),
      detail: { field: 'signature', location: 'authorization', issue: 'sign not match' },
      signInformation: {
        method: 'GET',
        url: expect.stringContaining('mchid='),
        signMessageLength: expect.any(Number),
      },
    });
    expect(JSON.stringify(error)).not.toContain('truncated');
    await wrong.end();
  });

  it.each([
    [
      'status-500',
      { status: 500, platformCode: 'SYSTEM_ERROR', isRetryable: true, isResultUnknown: true },
    ],
    [
      'status-429',
      { status: 429, platformCode: 'FREQUENCY_LIMITED', isRetryable: true, isResultUnknown: false },
    ],
    [
      'html-502',
      { status: 502, platformCode: undefined, platformMessage: undefined, isResultUnknown: true },
    ],
    ['drop-after-commit', { code: 'RESULT_UNKNOWN' }],
    ['drop', { code: 'RESULT_UNKNOWN' }],
    ['signtest', { code: 'RESULT_UNKNOWN', cause: { isProbe: true } }],
    ['wrong-serial', { code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_KEY_UNKNOWN' } }],
    ['stale-timestamp', { code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_EXPIRED' } }],
    ['bad-signature', { code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_INVALID' } }],
    ['unsigned', { code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_MISSING' } }],
    ['html-200', { code: 'RESULT_UNKNOWN' }],
    ['truncated-body', { code: 'RESULT_UNKNOWN' }],
    ['large-body', { code: 'RESULT_UNKNOWN', cause: { code: 'ANSWER_TOO_LARGE' } }],
    ['redirect', { status: 302 }],
  ] as const)(
    'meets %s, and a repetition with the same number ends well',
    async (kind, expected) => {
      const body = order();
      emulator.addFault({ kind, match: 'POST /v3/pay/' });
      await expect(rejection(client.payments.native.prepay(body))).resolves.toMatchObject(expected);
      await expect(client.payments.native.prepay(body)).resolves.toMatchObject({
        code_url: expect.any(String),
      });
    },
  );

  it.each([
    [404, ''],
    [405, ''],
  ])('bears an empty %d', async (status, platformMessage) => {
    const call =
      status === 404 ? context.http.get('/v3/nowhere') : context.http.delete('/v3/certificates');
    const error = await rejection(call);
    expect(error).toMatchObject({ status, platformCode: undefined, detail: undefined });
    expect(error['platformMessage'] ?? '').toBe(platformMessage);
  });
});
