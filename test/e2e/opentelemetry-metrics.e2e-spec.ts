import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  OnWechatPayNotification,
  WechatPayClient,
  WechatPayMerchants,
  WechatPayMerchantsModule,
  WechatPayModule,
  type WechatPayNotification,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { WechatPayOpenTelemetryModule } from 'nestjs-wechatpay/opentelemetry';
import { rejection } from '../support/merchant-context.js';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp } from '../support/notify-app.js';
import { Telemetry, type Sample } from '../support/telemetry.js';

const PATH = '/wechatpay/notify';

/** What Prometheus adds when it scrapes, and its own functions read. */
const OF_PROMETHEUS = ['job', 'instance', 'le'];

@Injectable()
class Orders {
  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  credit({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): void {
    if (payload.out_trade_no === 'order-throw') throw new Error('the handler failed');
  }
}

describe('the metrics, scraped through the Prometheus exporter', () => {
  let telemetry: Telemetry;
  let emulator: WechatPayEmulator;
  let server: NotifyApp;
  let client: WechatPayClient;
  let samples: readonly Sample[] = [];
  let count = 0;

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [
        WechatPayModule.forRoot({
          ...emulator.options({ notifyUrl: 'http://127.0.0.1:9/notify' }),
          http: { maxConcurrency: 7 },
          notification: { path: PATH },
        }),
        WechatPayOpenTelemetryModule.forRoot(telemetry.providers),
      ],
      providers: [Orders],
    })
    class AppModule {}
    server = await NotifyApp.start(AppModule, {
      platform: 'express',
      rawBody: 'helper',
      path: PATH,
    });
    client = server.app.get(WechatPayClient);
    await run();
    samples = await telemetry.scrape();
  });
  afterAll(async () => {
    await server.close();
    await emulator.close();
    await telemetry.close();
  });

  const prepay = () =>
    client.payments.native.prepay({
      description: '茶',
      out_trade_no: `measured-${(count += 1)}`,
      amount: { total: 100 },
    });
  const deliver = async (
    orderNo: string,
    more: { apiV3Key?: string; body?: Buffer; signature?: string } = {},
  ) => {
    const { body: replaced, signature, ...overrides } = more;
    const signed = paidNotification(emulator, overrides, { out_trade_no: orderNo });
    const signing = signature === undefined ? {} : { 'Wechatpay-Signature': signature };
    const headers = { ...signed.headers, ...signing } as never;
    await server.post({ path: PATH, headers, body: replaced ?? signed.body });
  };

  /** A day in the life of a shop. */
  async function run(): Promise<void> {
    await server.app.get(WechatPayClient).http.get('/v3/certificates');
    await prepay();
    emulator.addFault({ kind: 'status-500', match: 'POST /v3/pay/' });
    await prepay(); // at the second attempt
    await rejection(client.payments.native.queryByOutTradeNo('never-placed'));
    emulator.addFault({ kind: 'bad-signature', match: 'POST /v3/pay/' });
    await prepay();
    await deliver('order-0001');
    await deliver('order-0001');
    await deliver('order-throw');
    await deliver('order-0002', { body: Buffer.from('{}') });
    await deliver('order-0002', { apiV3Key: 'x'.repeat(32) });
    // the platform tries whether signatures are looked at (签名探测流量)
    await deliver('order-0002', { signature: `WECHATPAY/SIGNTEST/${'A'.repeat(325)}` });
    emulator.addFault({ kind: 'signtest', match: 'POST /v3/pay/' });
    await prepay();
    // the platform is down: the breaker opens
    emulator.addFault({ kind: 'status-500', match: '/v3/pay/', times: 100 });
    for (let at = 0; at < 30; at += 1) {
      await rejection(client.payments.native.queryByOutTradeNo('never-placed', { retries: 0 }));
    }
    emulator.clearFaults();
  }

  const valueOf = (name: string, labels: Record<string, string> = {}): number | undefined => {
    const found = samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return found.length === 0
      ? undefined
      : found.reduce((sum, { value }) => sum + Math.abs(value), 0);
  };

  it('measure calls by operation, outcome and error, in buckets of seconds', () => {
    const calls = 'wechatpay_client_call_duration_count';
    const native = { wechatpay_operation: 'payments.native.prepay', wechatpay_merchant: 'default' };
    expect(valueOf(calls, { ...native, wechatpay_outcome: 'ok' })).toBe(4);
    const query = { wechatpay_operation: 'payments.native.queryOrderByOutTradeNo' };
    expect(valueOf(calls, { ...query, wechatpay_outcome: 'refused' })).toBe(1);
    expect(
      valueOf(calls, {
        ...query,
        wechatpay_outcome: 'failed',
        error_type: 'API_ERROR',
        http_response_status_code: '500',
      }),
    ).toBeGreaterThan(10);
    expect(valueOf(calls, { ...query, error_type: 'CIRCUIT_OPEN' })).toBeGreaterThan(0);
    expect(valueOf(calls, { wechatpay_operation: 'GET /v3/certificates' })).toBe(1);
    const bounds = samples
      .filter(({ name, labels }) => name.endsWith('_bucket') && labels['error_type'] === undefined)
      .map(({ labels }) => labels['le']);
    expect(bounds).toEqual(expect.arrayContaining(['0.01', '0.2', '10', '+Inf']));
    expect(
      valueOf('wechatpay_client_call_duration_bucket', {
        ...native,
        wechatpay_outcome: 'ok',
        le: '5',
      }),
    ).toBe(4);
  });

  it('count attempts by host and kind', () => {
    const attempts = 'wechatpay_client_attempts_total';
    const server_port = new URL(emulator.url).port;
    const host = { server_address: '127.0.0.1', server_port };
    expect(valueOf(attempts, { ...host, wechatpay_attempt_kind: 'retry' })).toBe(3);
    expect(
      valueOf(attempts, { wechatpay_attempt_kind: 'first', error_type: 'SIGNATURE_INVALID' }),
    ).toBe(2);
  });

  it('show the breaker of a host that is down, and how busy a merchant is', () => {
    const server_port = new URL(emulator.url).port;
    expect(valueOf('wechatpay_client_breaker_state', { server_port })).toBe(2);
    const own = { wechatpay_merchant: 'default' };
    expect(valueOf('wechatpay_client_calls_running', own)).toBe(0);
    expect(valueOf('wechatpay_client_calls_waiting', own)).toBe(0);
    expect(valueOf('wechatpay_client_calls_limit', own)).toBe(7);
  });

  it('count signature failures by reason, of answers and of notifications', () => {
    const failures = 'wechatpay_signature_failures_total';
    const reason = { wechatpay_reason: 'SIGNATURE_INVALID' };
    expect(valueOf(failures, { wechatpay_from: 'answer', ...reason })).toBe(1);
    expect(valueOf(failures, { wechatpay_from: 'notification', ...reason })).toBe(1);
    const probe = { wechatpay_reason: 'PROBE' };
    expect(valueOf(failures, { wechatpay_from: 'answer', ...probe })).toBe(1);
    expect(valueOf(failures, { wechatpay_from: 'notification', ...probe })).toBe(1);
  });

  it('count notifications and what their handlers made of them', () => {
    const notifications = 'wechatpay_notifications_total';
    expect(valueOf(notifications, { wechatpay_outcome: 'accepted' })).toBe(3);
    expect(
      valueOf(notifications, {
        wechatpay_outcome: 'failed',
        wechatpay_reason: 'DECRYPTION_FAILED',
      }),
    ).toBe(1);
    expect(valueOf(notifications, { wechatpay_outcome: 'refused' })).toBe(1);
    expect(valueOf(notifications, { wechatpay_outcome: 'probe' })).toBe(1);
    const handlers = 'wechatpay_notification_handlers_total';
    expect(valueOf(handlers, { wechatpay_outcome: 'handled' })).toBe(1);
    expect(valueOf(handlers, { wechatpay_outcome: 'duplicate' })).toBe(1);
    expect(valueOf(handlers, { wechatpay_outcome: 'failed' })).toBe(1);
  });

  it('show the days that certificates last, and the clock', () => {
    expect(valueOf('wechatpay_key_days_left', { wechatpay_key_owner: 'merchant' })).toBeGreaterThan(
      300,
    );
    expect(valueOf('wechatpay_key_days_left', { wechatpay_key_owner: 'platform' })).toBeGreaterThan(
      30,
    );
    expect(valueOf('wechatpay_clock_skew')).toBeLessThan(2);
  });

  /** Metrics and labels that an expression uses. */
  const used = (expression: string) => {
    const labels: string[] = [];
    const take = (_all: string, listed: string): string => {
      labels.push(...listed.split(/,\s*/));
      return '';
    };
    const rest = expression
      .replace(/"[^"]*"/g, '""')
      .replace(/(\w+)(?:=~|!~|!=|=)""/g, take)
      .replace(/\bby \(([^)]*)\)/g, take)
      .replace(/^label_values\(.*, (\w+)\)$/, (all, listed: string) => all + take(all, listed));
    const metrics = [...rest.matchAll(/\bwechatpay_\w+/g)].map(([name]) => name);
    return { metrics: metrics.filter((name) => !labels.includes(name)), labels };
  };
  const read = (file: string): string => readFileSync(`docs/operations/${file}`, 'utf8');
  /** Of the dashboard: its panels and the values to choose from. */
  const ofDashboard = (): string[] => {
    const found: string[] = [];
    JSON.parse(read('grafana-dashboard.json'), (key, value: unknown) => {
      if ((key === 'expr' || key === 'definition') && typeof value === 'string') found.push(value);
      return value;
    });
    return found;
  };
  const ofAlerts = (): string[] =>
    read('alerts.yml')
      .split(/^\s*- alert: .*$/m)
      .slice(1)
      .map((rule) => /expr:(?: \|\n)?([\s\S]*?)\n\s+for:/.exec(rule)?.[1] ?? '');

  it.each([
    ['the dashboard', ofDashboard],
    ['the alert rules', ofAlerts],
  ])('are what %s looks at', (_name, expressionsOf) => {
    const labels = new Set([
      ...OF_PROMETHEUS,
      ...samples.flatMap((sample) => Object.keys(sample.labels)),
    ]);
    const names = new Set(samples.map(({ name }) => name));
    const expressions = expressionsOf();
    expect(expressions.length).toBeGreaterThan(9);
    for (const expression of expressions) {
      const { metrics, labels: asked } = used(expression);
      expect([expression, metrics.length > 0]).toEqual([expression, true]);
      const missing = [
        ...metrics.filter((name) => !names.has(name)),
        ...asked.filter((label) => !labels.has(label)),
      ];
      expect([expression, missing]).toEqual([expression, []]);
    }
  });

  it('are all on the dashboard', () => {
    const shown = ofDashboard().join('\n');
    const families = new Set(samples.map(({ name }) => name.replace(/_(?:bucket|sum|count)$/, '')));
    const ours = [...families].filter((name) => name.startsWith('wechatpay_'));
    expect(ours).toHaveLength(11);
    expect(ours.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('are all in the documents, in both languages, with every alert', () => {
    const families = new Set(samples.map(({ name }) => name.replace(/_(?:bucket|sum|count)$/, '')));
    const ours = [...families].filter((name) => name.startsWith('wechatpay_'));
    const alerts = [...read('alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    const anchors = [...read('alerts.yml').matchAll(/runbook: observability\.md#(\w+)/g)].map(
      ([, anchor]) => anchor,
    );
    expect(anchors).toEqual(alerts.map((name) => name.toLowerCase()));
    for (const page of ['observability.md', 'observability.zh-CN.md'].map(read)) {
      expect(ours.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
      expect(alerts.filter((name) => !page.includes(`\n### ${name}\n`))).toEqual([]);
    }
  });
});

describe('the metrics of merchants that come and go', () => {
  it('do not count as use of them', async () => {
    const telemetry = await Telemetry.start();
    const emulator = await WechatPayEmulator.start();
    const [a, b, c] = ['1900000011', '1900000012', '1900000013'] as const;
    for (const mchid of [a, b, c]) await emulator.addMerchant({ mchid });
    const resolve = (mchid: string) => emulator.options({ mchid });
    const imports = [
      WechatPayMerchantsModule.forRoot({ resolve, maxLoaded: 2 }),
      WechatPayOpenTelemetryModule.forRoot(telemetry.providers),
    ];
    const app = await (await Test.createTestingModule({ imports }).compile()).init();
    const merchants = app.get(WechatPayMerchants);
    await merchants.get(a);
    await merchants.get(b);
    merchants.find(a);
    const limits = (await telemetry.scrape()).filter(({ name }) => name.endsWith('calls_limit'));
    expect(limits.map(({ labels }) => labels['wechatpay_merchant'])).toEqual([a, b]);
    await merchants.get(c);
    expect(merchants.names).toEqual([a, c]);
    await app.close();
    await emulator.close();
    await telemetry.close();
  });
});
