import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type INestApplication } from '@nestjs/common';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  OnWechatPayNotification,
  WechatPayModule,
  type NotificationQueue,
  type QueuedNotification,
  type WechatPayNotification,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { WechatPayOpenTelemetryModule } from 'nestjs-wechatpay/opentelemetry';
import { paidNotification } from '../support/notifications.js';
import { COMBINATIONS, NotifyApp } from '../support/notify-app.js';
import { Secrets } from '../support/secrets.js';
import { Telemetry } from '../support/telemetry.js';

const PATH = '/wechatpay/notify';
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

/** Stands for the instrumentation of HTTP: each request has a span, unless it says that it wants none. */
function withServerSpans(telemetry: Telemetry) {
  return (app: INestApplication): void => {
    const server = app.getHttpServer() as { emit(name: string, ...rest: unknown[]): boolean };
    const emit = server.emit.bind(server);
    server.emit = (name, ...rest) => {
      const [incoming] = rest as { headers?: Record<string, string> }[];
      if (name !== 'request' || incoming?.headers?.['x-no-span']) return emit(name, ...rest);
      const span = telemetry.tracerProvider
        .getTracer('http')
        .startSpan('POST', { kind: SpanKind.SERVER }, ROOT_CONTEXT);
      const response = rest[1] as { once(name: string, then: () => void): void };
      response.once('finish', () => span.end());
      return context.with(trace.setSpan(ROOT_CONTEXT, span), () => emit(name, ...rest));
    };
  };
}

describe.each(COMBINATIONS)('the spans of notifications on %s with %s', (platform, mode) => {
  let telemetry: Telemetry;
  let emulator: WechatPayEmulator;
  let server: NotifyApp;
  const activeIn: (string | undefined)[] = [];

  @Injectable()
  class Orders {
    @OnWechatPayNotification('TRANSACTION.SUCCESS', { name: 'credit' })
    async credit({ payload }: WechatPayNotification<'TRANSACTION.SUCCESS'>): Promise<void> {
      activeIn.push(trace.getActiveSpan()?.spanContext().spanId);
      await Promise.resolve();
      if (payload.out_trade_no === 'order-throw') throw new RangeError(`no room for ${OPENID}`);
      if (payload.out_trade_no === 'order-late') await new Promise((done) => setTimeout(done, 250));
    }
  }

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [
        WechatPayModule.forRoot({
          ...emulator.options(),
          notification: { path: PATH, ackTimeoutMs: 150 },
        }),
        WechatPayOpenTelemetryModule.forRoot(telemetry.providers),
      ],
      providers: [Orders],
    })
    class AppModule {}
    server = await NotifyApp.start(AppModule, {
      platform,
      rawBody: mode,
      path: PATH,
      configure: withServerSpans(telemetry),
    });
    await deliver('order-0000'); // keys are there now
  });
  beforeEach(() => {
    telemetry.clear();
    server.logger.clear();
    activeIn.length = 0;
  });
  afterAll(async () => {
    await server.close();
    await emulator.close();
    await telemetry.close();
  });

  const deliver = async (
    orderNo: string,
    {
      headers: more = {},
      body: replaced,
      owner = emulator.mchid,
      ...overrides
    }: { headers?: Record<string, string>; body?: Buffer; owner?: string; apiV3Key?: string } = {},
  ) => {
    const changes = { out_trade_no: orderNo, mchid: owner };
    const { headers, body } = paidNotification(emulator, overrides, changes);
    const sent = { headers: { ...headers, ...more } as never, body: replaced ?? body };
    return (await server.post({ path: PATH, ...sent })).status;
  };
  const traces = (): string[] => [
    ...new Set(telemetry.spans.map((span) => span.spanContext().traceId)),
  ];

  it('join the span of the inbound request, and those of the handlers too', async () => {
    expect(
      await deliver('order-0001', { headers: { 'Request-ID': '08F78BB5AF0610D30118-0' } }),
    ).toBe(204);
    const inbound = telemetry.named('POST').spanContext();
    const received = telemetry.named('wechatpay notification TRANSACTION.SUCCESS');
    expect(received.kind).toBe(SpanKind.CONSUMER);
    expect(received.parentSpanContext?.spanId).toBe(inbound.spanId);
    expect(received.attributes).toEqual({
      'wechatpay.merchant': 'default',
      'wechatpay.mchid': emulator.mchid,
      'wechatpay.notification.id': expect.any(String),
      'wechatpay.notification.event_type': 'TRANSACTION.SUCCESS',
      'wechatpay.outcome': 'accepted',
      'wechatpay.request_id': '08F78BB5AF0610D30118-0',
    });
    const handled = telemetry.named('wechatpay handle credit');
    expect(handled.kind).toBe(SpanKind.INTERNAL);
    expect(handled.parentSpanContext?.spanId).toBe(inbound.spanId);
    expect(handled.attributes).toMatchObject({
      'wechatpay.handler': 'credit',
      'wechatpay.outcome': 'handled',
      'wechatpay.notification.id': received.attributes['wechatpay.notification.id'],
    });
    expect(traces()).toEqual([inbound.traceId]);
    expect(activeIn).toEqual([handled.spanContext().spanId]);
  });

  it('are one trace without a span of the inbound request', async () => {
    expect(await deliver('order-0002', { headers: { 'X-No-Span': '1' } })).toBe(204);
    const received = telemetry.named('wechatpay notification TRANSACTION.SUCCESS');
    const handled = telemetry.named('wechatpay handle credit');
    expect(received.parentSpanContext).toBeUndefined();
    expect(handled.parentSpanContext?.spanId).toBe(received.spanContext().spanId);
  });

  it('say that an event had been handled before', async () => {
    await deliver('order-0001');
    const handled = telemetry.named('wechatpay handle credit');
    expect(handled.attributes['wechatpay.outcome']).toBe('duplicate');
    expect(activeIn).toEqual([]);
  });

  it('say that a handler failed, by the class of its error, and the log names the trace', async () => {
    expect(await deliver('order-throw', { headers: { 'X-Request-Id': 'proxy-1' } })).toBe(500);
    const handled = telemetry.named('wechatpay handle credit');
    expect(handled.status).toEqual({ code: SpanStatusCode.ERROR, message: 'RangeError' });
    expect(handled.attributes['error.type']).toBe('RangeError');
    expect(handled.attributes['wechatpay.outcome']).toBe('failed');
    const { traceId } = handled.spanContext();
    expect(server.logger.textOf('error')).toContain(
      `The handler credit failed; the platform delivers again [trace ${traceId}]`,
    );
    new Secrets([OPENID]).expectNoneIn(telemetry.textOf(handled), 'the span');
  });

  it('say that a handler was late', async () => {
    expect(await deliver('order-late')).toBe(503);
    await new Promise((done) => setTimeout(done, 200));
    const handled = telemetry.named('wechatpay handle credit');
    expect(handled.attributes['wechatpay.outcome']).toBe('late');
    expect(handled.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('say what was refused and why, and is no failure; the log names the trace', async () => {
    expect(await deliver('order-0003', { body: Buffer.from('{"id":"EV-1"}') })).toBe(401);
    const received = telemetry.named('wechatpay notification');
    expect(received.attributes).toEqual({
      'wechatpay.merchant': 'default',
      'wechatpay.mchid': emulator.mchid,
      'wechatpay.outcome': 'refused',
      'error.type': 'SIGNATURE_INVALID',
    });
    expect(received.status.code).toBe(SpanStatusCode.UNSET);
    const { traceId } = received.spanContext();
    expect(server.logger.textOf('debug')).toMatch(
      new RegExp(`Notification refused: SIGNATURE_INVALID .* \\[trace ${traceId}\\]`),
    );
  });

  it('tell a probe of the platform from a forgery, and another merchant from both', async () => {
    const signature = `WECHATPAY/SIGNTEST/${'A'.repeat(325)}`;
    expect(await deliver('order-0004', { headers: { 'Wechatpay-Signature': signature } })).toBe(
      401,
    );
    expect(await deliver('order-0004', { owner: '1900000099' })).toBe(401);
    const outcomes = telemetry.spans
      .filter(({ name }) => name === 'wechatpay notification')
      .map(({ attributes }) => [attributes['wechatpay.outcome'], attributes['error.type']]);
    expect(outcomes).toEqual([
      ['probe', 'SIGNATURE_INVALID'],
      ['refused', 'REQUEST_INVALID'],
    ]);
  });

  it('fail where this side is at fault', async () => {
    expect(await deliver('order-0005', { apiV3Key: 'x'.repeat(32) })).toBe(500);
    const received = telemetry.named('wechatpay notification');
    expect(received.attributes['wechatpay.outcome']).toBe('failed');
    expect(received.status).toEqual({ code: SpanStatusCode.ERROR, message: 'DECRYPTION_FAILED' });
    expect(server.logger.textOf('error')).toContain(`[trace ${received.spanContext().traceId}]`);
  });

  it('leave the id of a proxy in the log where there is no trace, if it looks like one', async () => {
    const headers = (id: string) => ({ 'X-No-Span': '1', 'X-Request-Id': id });
    const body = Buffer.from('{}');
    await deliver('order-0006', { body, headers: headers('7f3a.B-c_1') });
    await deliver('order-0006', { body, headers: headers('two words') });
    const lines = server.logger.lines.filter(({ text }) => text.includes('Notification refused'));
    expect(lines.map(({ text }) => / \[(.*)\] WechatPayNotifyGuard$/.exec(text)?.[1])).toEqual([
      'request 7f3a.B-c_1',
      undefined,
    ]);
  });

  it('show nothing of what a notification says', async () => {
    for (const orderNo of ['order-throw', 'order-0007']) await deliver(orderNo);
    await deliver('order-0008', { apiV3Key: 'x'.repeat(32) });
    const { privateKey, certificate, apiV3Key } = emulator.options().credential;
    const secrets = new Secrets([privateKey, certificate, apiV3Key, OPENID, 'order-', '42000000']);
    for (const span of telemetry.spans) {
      secrets.expectNoneIn(telemetry.textOf(span), `the span ${span.name}`);
    }
    secrets.expectNoneIn(await telemetry.scrapeText(), 'the metrics');
  });
});

describe('the spans of queued notifications', () => {
  let telemetry: Telemetry;
  let emulator: WechatPayEmulator;
  let server: NotifyApp;
  const jobs: QueuedNotification[] = [];
  let isFull = false;
  let work: (job: QueuedNotification) => Promise<void>;
  const queue: NotificationQueue = {
    enqueue: async (job) => {
      if (isFull) throw new Error('no room');
      jobs.push(job);
      await Promise.resolve();
    },
    work: async (process) => {
      work = process;
      await Promise.resolve();
    },
    close: () => Promise.resolve(),
  };

  @Injectable()
  class Orders {
    @OnWechatPayNotification('TRANSACTION.SUCCESS', { name: 'credit' })
    credit(): void {}
  }

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), queue, notification: { path: PATH } }),
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
  });
  beforeEach(() => telemetry.clear());
  afterAll(async () => {
    await server.close();
    await emulator.close();
    await telemetry.close();
  });

  const deliver = async () => {
    const { headers, body } = paidNotification(emulator);
    return (await server.post({ path: PATH, headers: headers as never, body })).status;
  };

  it('are one for the queue, and later one for each handler', async () => {
    expect(await deliver()).toBe(204);
    const queued = telemetry.named('wechatpay enqueue');
    expect(queued.kind).toBe(SpanKind.PRODUCER);
    expect(queued.attributes['wechatpay.outcome']).toBe('queued');
    const [job] = jobs;
    if (!job) throw new Error('nothing was queued');
    await work(job);
    const handled = telemetry.named('wechatpay handle credit');
    expect(handled.attributes['wechatpay.notification.id']).toBe(
      queued.attributes['wechatpay.notification.id'],
    );
  });

  it('say that the queue did not take it', async () => {
    isFull = true;
    expect(await deliver()).toBe(503);
    const queued = telemetry.named('wechatpay enqueue');
    expect(queued.attributes['wechatpay.outcome']).toBe('failed');
    expect(queued.status.message).toBe('NOTIFICATION_NOT_QUEUED');
  });
});
