import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { instrumentWechatPay } from 'nestjs-wechatpay/opentelemetry';
import type { ObservedMerchant } from 'nestjs-wechatpay';
import { attemptChannel, breakerChannel, traced } from '../../../lib/diagnostics/index.js';
import { Telemetry } from '../../support/telemetry.js';

const DAY_MS = 86_400_000;
const inDays = (days: number): number => Date.now() + days * DAY_MS;

/** A merchant as the gauges see it. */
function merchant(
  name: string,
  { running = 1, days = 100, skewMs = 0, keys = [] as object[] } = {},
): ObservedMerchant {
  return {
    name,
    http: { load: { running, waiting: 0, limit: 10 }, clockSkewMs: skewMs },
    credentials: { credential: { notAfterMs: inDays(days) } },
    certificates: { keyRing: { keys: keys as never } },
    notifications: { clockSkewMs: 7_000 },
  };
}

describe('the gauges', () => {
  let telemetry: Telemetry;
  let end: () => void;
  let loaded: ObservedMerchant[];

  beforeEach(async () => {
    telemetry = await Telemetry.start();
    loaded = [];
    const merchants = {
      get loaded() {
        return loaded;
      },
    };
    end = instrumentWechatPay({ ...telemetry.providers, merchants });
  });
  afterEach(async () => {
    end();
    await telemetry.close();
  });

  const read = async (name: string, label = 'wechatpay_merchant') =>
    Object.fromEntries(
      (await telemetry.scrape())
        .filter((sample) => sample.name === name)
        .map(({ labels, value }) => [labels[label], value]),
    );

  it('give what more merchants there are than labels one series, which nothing is lost in', async () => {
    loaded = Array.from({ length: 203 }, (_, at) =>
      merchant(`m${at}`, { days: at === 202 ? 3 : 100, skewMs: at === 201 ? -9_000 : 1_000 }),
    );
    const running = await read('wechatpay_client_calls_running');
    expect(Object.keys(running)).toHaveLength(201);
    expect(running['other']).toBe(3);
    expect((await read('wechatpay_key_days_left'))['other']).toBeCloseTo(3, 2);
    expect((await read('wechatpay_clock_skew'))['other']).toBe(-9);
  });

  it('look at the certificate of the platform that lasts longest, and at no public key', async () => {
    const certificate = { kind: 'certificate', notAfterMs: inDays(5) };
    const keys = [
      certificate,
      { ...certificate, notAfterMs: inDays(20) },
      { ...certificate, notAfterMs: inDays(90), leftOutAtMs: 1 },
      { kind: 'publicKey', notAfterMs: Infinity },
    ];
    loaded = [merchant('a', { keys })];
    const owners = await read('wechatpay_key_days_left', 'wechatpay_key_owner');
    expect(owners['merchant']).toBeCloseTo(100, 2);
    expect(owners['platform']).toBeCloseTo(20, 2);
    loaded = [merchant('a', { keys: keys.slice(3) })];
    const later = await read('wechatpay_key_days_left', 'wechatpay_key_owner');
    expect(later['platform']).toBeNaN();
  });

  it('take the clock from notifications where no answer has shown it', async () => {
    const { http, ...rest } = merchant('a');
    loaded = [{ ...rest, http: { ...http, clockSkewMs: undefined } }];
    expect(await read('wechatpay_clock_skew')).toEqual({ a: 7 });
  });

  it('know nothing of a credential that is not loaded', async () => {
    loaded = [{ ...merchant('a'), credentials: { credential: undefined } }];
    expect(await read('wechatpay_key_days_left')).toEqual({});
  });

  it('say nothing more of the keys of a merchant that is gone, until it comes again', async () => {
    loaded = [merchant('a', { days: 2 }), merchant('b')];
    expect((await read('wechatpay_key_days_left'))['a']).toBeCloseTo(2, 2);
    loaded = loaded.slice(1);
    expect((await read('wechatpay_key_days_left'))['a']).toBeNaN();
    expect((await read('wechatpay_clock_skew'))['a']).toBeNaN();
    expect(await read('wechatpay_client_calls_limit')).toEqual({ a: 0, b: 10 });
    loaded = [merchant('a', { days: 80 })];
    expect((await read('wechatpay_key_days_left'))['a']).toBeCloseTo(80, 2);
  });

  it('follow the breakers of hosts, which are closed until they say otherwise', async () => {
    const origin = 'https://api.mch.weixin.qq.com';
    const call = {
      ...{ merchant: 'a', mchid: '1900000001', operation: 'x', method: 'GET', route: '/x' },
      ...{ attempts: 1, status: undefined, requestId: undefined },
    };
    const attempt = { call, origin, number: 1, isHedge: false };
    const states = (): Promise<object> => read('wechatpay_client_breaker_state', 'server_address');
    const attempted = { ...attempt, status: undefined, requestId: undefined };
    await traced(attemptChannel, attempted, () => Promise.resolve());
    expect(await states()).toEqual({ 'api.mch.weixin.qq.com': 0 });
    breakerChannel.publish({ origin, state: 'open' });
    expect(await states()).toEqual({ 'api.mch.weixin.qq.com': 2 });
    await traced(attemptChannel, { ...attempted }, () => Promise.resolve());
    expect(await states()).toEqual({ 'api.mch.weixin.qq.com': 2 });
    breakerChannel.publish({ origin, state: 'half-open' });
    expect(await states()).toEqual({ 'api.mch.weixin.qq.com': 1 });
  });

  it('measure no more than 100 hosts', async () => {
    for (let at = 0; at < 120; at += 1) {
      breakerChannel.publish({ origin: `https://host-${at}`, state: 'open' });
    }
    expect(
      Object.keys(await read('wechatpay_client_breaker_state', 'server_address')),
    ).toHaveLength(100);
  });

  it('end with the instrumentation', async () => {
    loaded = [merchant('a')];
    expect(await read('wechatpay_client_calls_running')).toEqual({ a: 1 });
    end();
    loaded = [merchant('a', { running: 2 })];
    expect(await read('wechatpay_client_calls_running')).toEqual({ a: 1 });
  });
});
