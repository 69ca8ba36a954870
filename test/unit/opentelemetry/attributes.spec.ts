import { describe, expect, it } from '@jest/globals';
import { WechatPayTransportError } from '../../../lib/errors/index.js';
import { errorTypeOf, serverOf, templateOf } from '../../../lib/stores/opentelemetry/attributes.js';
import { BoundedLabels } from '../../../lib/stores/opentelemetry/bounded-labels.js';

const call = (route: string, operation?: string) => ({
  ...{ merchant: 'test', mchid: '1900000001', operation, method: 'GET', route },
  ...{ attempts: 0, status: undefined, requestId: undefined },
});

describe('the template of a path', () => {
  it('is the template of its operation', () => {
    const route = '/v3/pay/transactions/out-trade-no/{out_trade_no}';
    expect(templateOf(call(route, 'payments.native.queryOrderByOutTradeNo'))).toBe(route);
  });

  it.each([
    ['/v3/certificates', '/v3/certificates'],
    ['/v3/bill/tradebill', '/v3/bill/tradebill'],
    ['/v3/pay/transactions/native', '/v3/pay/transactions/*'],
    ['/v3/pay/transactions/out-trade-no/tea', '/v3/pay/transactions/*'],
    ['/v3/refund/domestic/refunds/1', '/v3/refund/domestic/*'],
    ['/v3/users/[openid]/orders', '/v3/users/*'],
    ['/v3/complaints/200000020220', '/v3/complaints/*'],
    ['/v3/applyment4sub/applyment/', '/v3/applyment4sub/applyment/*'],
    ['/V3/Orders', '/*'],
    ['/', '/*'],
    [`/v3/${'a'.repeat(33)}`, '/v3/*'],
  ])('keeps of a call by path what is no number: %s', (route, template) => {
    expect(templateOf(call(route))).toBe(template);
  });
});

describe('attributes', () => {
  it('name the port that a URL leaves out', () => {
    const of = (origin: string) => Object.values(serverOf(origin));
    expect(of('https://api.mch.weixin.qq.com')).toEqual(['api.mch.weixin.qq.com', 443]);
    expect(of('http://localhost')).toEqual(['localhost', 80]);
    expect(of('http://127.0.0.1:8100')).toEqual(['127.0.0.1', 8100]);
  });

  it('name an error by its code or class', () => {
    const named = (name: string) => Object.assign(new Error('secret'), { name });
    expect(errorTypeOf(new WechatPayTransportError('TIMEOUT', 'too late'))).toBe('TIMEOUT');
    expect(errorTypeOf(new RangeError('secret'))).toBe('RangeError');
    expect(errorTypeOf(named('order 17'))).toBe('_OTHER');
    expect(errorTypeOf('secret')).toBe('_OTHER');
  });
});

describe('labels', () => {
  it('are as many as there may be, and one for all others', () => {
    const labels = new BoundedLabels(2);
    expect(['a', 'b', 'c', 'a', 'd', 'b'].map((name) => labels.of(name))).toEqual([
      'a',
      'b',
      'other',
      'a',
      'other',
      'b',
    ]);
  });

  it('are 200 merchants', () => {
    const labels = new BoundedLabels();
    const names = Array.from({ length: 1_000 }, (_, at) => labels.of(`1900000${at}`));
    expect(new Set(names).size).toBe(201);
  });
});
