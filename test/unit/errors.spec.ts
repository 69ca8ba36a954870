import { inspect } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import * as errors from '../../lib/errors/index.js';

const {
  WechatPayApiError,
  WechatPayBillError,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayStoreError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
} = errors;

const apiError = (status: number, body: string | object = '', method = 'GET', target = '/v3/x') =>
  new WechatPayApiError({
    method,
    target,
    status,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    requestId: 'id-1',
  });

const every = [
  new WechatPayError('ANSWER_NOT_JSON', 'm'),
  new WechatPayConfigurationError(['m']),
  new WechatPayRequestError('m'),
  new WechatPayTransportError('TIMEOUT', 'm'),
  new WechatPayUnknownResultError('m', {}),
  new WechatPaySignatureError('SIGNATURE_INVALID', 'm'),
  new WechatPayCertificateError('NO_PLATFORM_KEY', 'm'),
  new WechatPayDecryptionError('m'),
  new WechatPayStoreError('m'),
  new WechatPayBillError('BILL_INVALID', 'm'),
  apiError(500),
];

describe('errors', () => {
  it('are told apart by class, and are all of one family', () => {
    const classes = every.map(({ constructor }) => constructor as new () => Error);
    for (const [index, error] of every.entries()) {
      const matching = classes.filter((type) => error instanceof type);
      expect(matching).toEqual(index === 0 ? [WechatPayError] : [WechatPayError, classes[index]]);
      expect(error).toBeInstanceOf(Error);
      expect(error.name).toBe(classes[index]?.name);
      expect(String(error)).toBe(`${error.name}: ${error.message}`);
    }
  });

  it('are recognised when another copy of the package made them', async () => {
    let copy = errors;
    await jest.isolateModulesAsync(async () => {
      copy = await import('../../lib/errors/index.js');
    });
    const foreign = new copy.WechatPaySignatureError('SIGNATURE_MISSING', 'm');
    expect(foreign).toBeInstanceOf(WechatPaySignatureError);
    expect(foreign).toBeInstanceOf(WechatPayError);
    expect(foreign).not.toBeInstanceOf(WechatPayApiError);
    // even by a copy that shares nothing but the registry of symbols
    const brand = Symbol.for('nestjs-wechatpay/error/WechatPayApiError');
    expect(Object.assign(new Error('m'), { [brand]: true })).toBeInstanceOf(WechatPayApiError);
  });

  it('are not mistaken for what they are not', () => {
    for (const value of [undefined, null, 5, 'text', {}, new Error('m'), Object.create(null)]) {
      expect(value instanceof WechatPayError).toBe(false);
    }
  });

  it('keep the ordinary instanceof for classes of an application', () => {
    class ShopError extends WechatPayRequestError {}
    expect(new ShopError('m')).toBeInstanceOf(ShopError);
    expect(new ShopError('m')).toBeInstanceOf(WechatPayRequestError);
    expect(new WechatPayRequestError('m') instanceof ShopError).toBe(false);
  });

  it('are written to JSON without stack and cause', () => {
    const cause = new Error('inner');
    expect(
      JSON.parse(JSON.stringify(new WechatPayStoreError('m', { cause, requestId: 'r' }))),
    ).toEqual({
      name: 'WechatPayStoreError',
      code: 'STORE_FAILED',
      message: 'm',
      requestId: 'r',
      isRetryable: false,
      isResultUnknown: false,
    });
    for (const error of every)
      expect(Object.keys(error.toJSON())).not.toEqual(expect.arrayContaining(['stack']));
  });

  it('list the problems of a configuration', () => {
    expect(new WechatPayConfigurationError(['a']).message).toBe(
      'The WeChat Pay configuration is wrong: a',
    );
    const two = new WechatPayConfigurationError(['a', 'b'], {
      code: 'MERCHANT_UNKNOWN',
      title: 'T',
    });
    expect([two.message, two.code, two.problems]).toEqual([
      'T:\n  - a\n  - b',
      'MERCHANT_UNKNOWN',
      ['a', 'b'],
    ]);
  });

  it('of an unknown result are always unknown, and worth a repetition', () => {
    const error = new WechatPayUnknownResultError('m', { isResultUnknown: false });
    expect([error.isResultUnknown, error.isRetryable, error.code]).toEqual([
      true,
      true,
      'RESULT_UNKNOWN',
    ]);
  });
});

describe('causes of errors', () => {
  it.each(['{"name": hunter2}', 'hunter2', '{"name":"hunter2'])(
    'never quote the text that a parser choked on: %s',
    (text) => {
      let thrown: unknown;
      try {
        JSON.parse(text);
      } catch (error) {
        thrown = error;
      }
      // some parsers quote more than others
      const quoting = new SyntaxError(`Unexpected token in ${text}`);
      for (const cause of [thrown, quoting]) {
        const error = new WechatPayStoreError('m', { cause });
        expect(error.cause).toMatchObject({ name: 'SyntaxError', message: 'malformed text' });
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
      }
    },
  );

  it('keep what an operating system said, and nothing else of a foreign error', () => {
    const foreign = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      port: 443,
      headers: { authorization: 'hunter2' },
    });
    const { cause } = new WechatPayStoreError('m', { cause: foreign });
    expect(cause).not.toBe(foreign);
    expect(cause).toMatchObject({
      message: 'connect ECONNREFUSED',
      code: 'ECONNREFUSED',
      port: 443,
    });
    expect(inspect(cause, { depth: 10, showHidden: true })).not.toContain('hunter2');
  });

  it('are errors, whatever was thrown', () => {
    const { cause } = new WechatPayStoreError('m', { cause: { message: 'no', code: 7 } });
    expect(cause).toBeInstanceOf(Error);
    expect(cause).toMatchObject({ name: 'Error', message: 'no', code: 7, stack: 'Error: no' });
  });
});

describe('what a check found wrong', () => {
  it('is said when the check is ours, and not quoted from anybody else', () => {
    expect(errors.checkMessageOf(new TypeError('is cut off'))).toBe('is cut off');
    expect(errors.checkMessageOf(new RangeError('is too long'))).toBe('is too long');
    for (const foreign of [new SyntaxError('hunter2'), new Error('hunter2'), 'hunter2'])
      expect(errors.checkMessageOf(foreign)).toBe('cannot be read');
  });
});

describe('answers of the platform as errors', () => {
  it.each([
    [400, 'GET', false, false],
    [401, 'POST', false, false],
    [403, 'POST', false, false],
    [404, 'GET', false, false],
    [302, 'POST', false, false],
    [429, 'GET', true, false],
    [429, 'POST', true, false],
    [500, 'GET', true, false],
    [500, 'POST', true, true],
    [502, 'PATCH', true, true],
    [503, 'DELETE', true, true],
    [504, 'PUT', true, true],
  ])('%d to a %s: retryable %s, unknown %s', (status, method, isRetryable, isResultUnknown) => {
    expect(apiError(status, '', method)).toMatchObject({
      status,
      isRetryable,
      isResultUnknown,
      requestId: 'id-1',
      code: 'API_ERROR',
    });
  });

  it.each([
    ['SIGN_ERROR', /商户API证书序列号/],
    ['APPID_MCHID_NOT_MATCH', /AppID账号管理/],
    ['NO_AUTH', /产品中心/],
    ['OUT_TRADE_NO_USED', /商户订单号/],
    ['ORDERPAID', /query it/],
    ['ORDER_CLOSED', /new out_trade_no/],
    ['NOT_ENOUGH', /same number/],
    ['FREQUENCY_LIMITED', /频率超限/],
  ])('name a remedy for %s', (code, remedy) => {
    expect(apiError(400, { code, message: '消息' }).message).toMatch(remedy);
  });

  it('say status, code, message and request id in one line', () => {
    expect(apiError(404, { code: 'ORDER_NOT_EXIST', message: '订单不存在' }).message).toBe(
      'GET /v3/x was answered 404 ORDER_NOT_EXIST: 订单不存在 (Request-ID id-1)',
    );
    expect(apiError(502, '<html>').message).toBe('GET /v3/x was answered 502 (Request-ID id-1)');
  });

  it.each([
    '',
    '<html>',
    '[]',
    'null',
    '"text"',
    '{"code":5,"message":{}}',
    '{"code":"","message":""}',
    '{',
    '\u0000',
  ])('bear the body %j', (body) => {
    expect(apiError(500, body)).toMatchObject({
      platformCode: undefined,
      platformMessage: undefined,
      detail: undefined,
      signInformation: undefined,
    });
  });

  it.each(['__proto__', 'constructor', 'toString'])('have no remedy for the code %s', (code) => {
    expect(apiError(400, { code }).message).toBe(
      `GET /v3/x was answered 400 ${code} (Request-ID id-1)`,
    );
  });

  it('keep of the detail what is not personal', () => {
    const error = apiError(400, {
      code: 'PARAM_ERROR',
      detail: {
        field: '/payer/openid',
        value: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
        issue: 'bad',
        location: 'body',
        detail: { issue: 'inner' },
      },
    });
    expect(error.detail).toEqual({ field: '/payer/openid', issue: 'bad', location: 'body' });
    expect(JSON.stringify(error)).not.toContain('oUpF8u');
    expect(apiError(400, { detail: [] }).detail).toBeUndefined();
    expect(apiError(400, { detail: { value: 'anything' } }).detail).toEqual({});
  });

  it('carry what the platform signed, without the body and the query', () => {
    const sign_information = {
      method: 'GET',
      url: '/v3/x?openid=oUpF8uMuAJO_M2pxb1Q9zNjWeS6o&mchid=1900000001',
      truncated_sign_message: 'GET\n/v3/x\n1\nn\n{"name',
      sign_message_length: 66,
    };
    const error = apiError(401, {
      code: 'SIGN_ERROR',
      detail: { sign_information, detail: { issue: 'sign not match' } },
    });
    expect(error.signInformation).toEqual({
      method: 'GET',
      url: '/v3/x?openid=…&mchid=1900000001',
      signMessageLength: 66,
    });
    expect(error.detail).toEqual({ issue: 'sign not match' });
    expect(inspect(error, { depth: 10 })).not.toContain('{"name');
    expect(apiError(401, { detail: { sign_information: 'x' } }).signInformation).toBeUndefined();
    expect(apiError(401, { detail: { sign_information: {} } }).signInformation).toEqual({
      method: undefined,
      url: undefined,
      signMessageLength: undefined,
    });
  });

  it('are bounded, however long the answer is', () => {
    const error = apiError(
      400,
      {
        code: 'C'.repeat(1e6),
        message: '长'.repeat(1e6),
        detail: { field: 'f'.repeat(1e6), issue: 'i'.repeat(1e6) },
      },
      'GET',
      `/v3/${'p'.repeat(1e6)}?${'q=1&'.repeat(1e5)}`,
    );
    expect(error.message.length).toBeLessThan(2_000);
    expect(JSON.stringify(error).length).toBeLessThan(4_000);
  });

  it.each([
    ['13812345678', '[phone]'],
    ['19900001111', '[phone]'],
    ['11010119900307001X', '[id]'],
    ['110101199003070010', '[id]'],
    ['oUpF8uMuAJO_M2pxb1Q9zNjWeS6o', '[openid]'],
  ])('hide the personal number %s wherever the platform repeats it', (personal, mark) => {
    const said = `用户${personal}不存在`;
    const detail = { field: said, issue: said, location: said };
    const error = apiError(
      400,
      { code: 'PARAM_ERROR', message: said, detail },
      'GET',
      `/${personal}`,
    );
    expect(inspect(error, { depth: 10 })).not.toContain(personal);
    expect(error.platformMessage).toBe(`用户${mark}不存在`);
    expect(error.detail?.issue).toBe(`用户${mark}不存在`);
    expect(error.message).toContain(`GET /${mark} was answered 400`);
  });

  it.each([
    ['a card of a Chinese bank', '6222021234567890128'],
    ['one of another', '9558801234567890128'],
    ['a Visa card', '4012888888881881'],
    ['a card of 13 digits', '4222222222222'],
    ['an American Express card', '378282246310005'],
    ['a Mastercard of the newer range', '2223003122003222'],
  ])('hide the number of %s', (_, card) => {
    const error = apiError(400, {
      message: `卡号${card}有误`,
      detail: { issue: `card:${card},` },
    });
    expect(error.platformMessage).toBe('卡号[card]有误');
    expect(error.detail?.issue).toBe('card:[card],');
  });

  it.each([
    ['a transaction id', '4200000000000000000000000001'],
    ['a transaction id that holds a card number', '4200006222021234567890128000'],
    ['a refund id', '50000000382019052709732678859'],
    ['a time in milliseconds', '1700000000004'],
    ['an out_trade_no that begins with a date', '2015010600000002'],
    ['an out_trade_no with a prefix', 'order-4012888888881881'],
    ['an out_refund_no with a suffix', '4012888888881881-1'],
    ['a number whose check digit is another', '6222021234567890127'],
    ['too few digits', '422222222222'],
    ['too many digits', '40128888888818810000'],
  ])('leave %s', (_, number) => {
    const said = `单号 ${number} 不存在`;
    expect(apiError(400, { message: said }).platformMessage).toBe(said);
  });

  it('hide a card number that is cut off, and break no key in two', () => {
    const cut = apiError(400, { message: `${'长'.repeat(500)}4012888888881881` });
    expect(cut.platformMessage).toBe(`${'长'.repeat(500)}[card]`);
    const key = `${'a'.repeat(60)}/4012888888881881/${'b'.repeat(60)}`;
    expect(apiError(400, { message: key }).platformMessage).toBe('[base64]');
  });

  it('leave an out_trade_no in the path that could be a card number', () => {
    const target = '/v3/pay/transactions/out-trade-no/4012888888881881?mchid=1900000001';
    expect(apiError(404, {}, 'GET', target).message).toContain(`GET ${target} was`);
  });

  it('leave numbers that are nobody’s', () => {
    const plain = '1900000001 12345678901 4200000000000000000000000001 20260101';
    expect(apiError(400, { message: plain }).platformMessage).toBe(plain);
  });

  it('put no line of their own into a log', () => {
    const { message } = apiError(400, {
      code: 'A\nB',
      message: 'line\r\n[Nest] 1 - ERROR forged\u001b[31m\u2028x',
    });
    expect(message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  });
});
