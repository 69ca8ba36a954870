import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instrumentWechatPay } from 'nestjs-wechatpay/opentelemetry';
import { attemptChannel, callChannel, traced } from '../../../lib/diagnostics/index.js';
import {
  WechatPayApiError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
} from '../../../lib/errors/index.js';
import { Telemetry } from '../../support/telemetry.js';

const refusal = (status: number): WechatPayApiError =>
  new WechatPayApiError({
    ...{ method: 'GET', target: '/v3/x', status },
    ...{ body: Buffer.alloc(0), requestId: undefined },
  });

describe('the metrics of calls', () => {
  let telemetry: Telemetry;
  let end: () => void;
  let count = 0;

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    end = instrumentWechatPay(telemetry.providers);
  });
  afterAll(async () => {
    end();
    await telemetry.close();
  });

  const measured = async (work: () => Promise<unknown>) => {
    const operation = `operation-${(count += 1)}`;
    const event = {
      ...{ merchant: 'test', mchid: '1900000001', operation, method: 'GET', route: '/v3/x' },
      ...{ attempts: 1, status: undefined, requestId: undefined },
    };
    await traced(callChannel, event, work).catch(() => undefined);
    const samples = await telemetry.scrape();
    const found = samples.filter(
      ({ name, labels }) =>
        name === 'wechatpay_client_call_duration_count' &&
        labels['wechatpay_operation'] === operation,
    );
    expect(found).toHaveLength(1);
    return [found[0]?.labels['wechatpay_outcome'], found[0]?.labels['error_type']];
  };

  it.each([
    ['a 404 of the platform', refusal(404), 'refused', 'API_ERROR'],
    ['a 400 of the platform', refusal(400), 'refused', 'API_ERROR'],
    ['a signature that is refused', refusal(401), 'failed', 'API_ERROR'],
    ['too many calls', refusal(429), 'failed', 'API_ERROR'],
    ['a 500 of the platform', refusal(500), 'failed', 'API_ERROR'],
    ['wrong arguments', new WechatPayRequestError('no'), 'refused', 'REQUEST_INVALID'],
    ['arguments of a wrong type', new TypeError('no'), 'refused', 'TypeError'],
    ['a caller that gave up', new WechatPayTransportError('ABORTED', 'no'), 'aborted', 'ABORTED'],
    ['a deadline', new WechatPayTransportError('TIMEOUT', 'no'), 'failed', 'TIMEOUT'],
    [
      'an unknown result',
      new WechatPayUnknownResultError('no', { businessNumber: undefined }),
      'failed',
      'RESULT_UNKNOWN',
    ],
    [
      'an answer that does not verify',
      new WechatPaySignatureError('SIGNATURE_INVALID', 'no'),
      'failed',
      'SIGNATURE_INVALID',
    ],
  ])('say what became of %s', async (_name, error, outcome, type) => {
    expect(await measured(() => Promise.reject(error))).toEqual([outcome, type]);
  });

  it('say what became of one that went well, and of one that the application answered itself', async () => {
    expect(await measured(() => Promise.resolve({ status: 200 }))).toEqual(['ok', undefined]);
    const fallback = { status: 503, isFallback: true };
    expect(await measured(() => Promise.resolve(fallback))).toEqual(['fallback', undefined]);
  });

  it('count attempts apart from their calls: first, repeated, hedged', async () => {
    const call = {
      ...{ merchant: 'test', mchid: '1900000001', operation: 'x', method: 'GET', route: '/v3/x' },
      ...{ attempts: 3, status: undefined, requestId: undefined },
    };
    const origin = 'https://api.mch.weixin.qq.com';
    for (const [number, isHedge] of [
      [1, false],
      [2, false],
      [3, true],
    ] as const) {
      const event = { call, origin, number, isHedge, status: undefined, requestId: undefined };
      await traced(attemptChannel, event, () => Promise.resolve());
    }
    const counted = (await telemetry.scrape())
      .filter(({ name }) => name === 'wechatpay_client_attempts_total')
      .map(({ labels, value }) => [labels['wechatpay_attempt_kind'], value]);
    expect(counted).toEqual([
      ['first', 1],
      ['retry', 1],
      ['hedge', 1],
    ]);
  });
});
