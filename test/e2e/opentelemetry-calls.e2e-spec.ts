import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { WechatPayClient, WechatPayMerchants, WechatPayModule } from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { instrumentWechatPay, WechatPayOpenTelemetryModule } from 'nestjs-wechatpay/opentelemetry';
import {
  attemptChannel,
  breakerChannel,
  callChannel,
  handlerChannel,
  isHeard,
  notificationChannel,
} from '../../lib/diagnostics/index.js';
import { CountingDispatcher } from '../support/counting-dispatcher.js';
import { rejection } from '../support/merchant-context.js';
import { Secrets } from '../support/secrets.js';
import { pick, Telemetry } from '../support/telemetry.js';

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const NAME = '欧阳锋';
const ID_NUMBER = '11010119900307001X';
const CHANNELS = { callChannel, attemptChannel, notificationChannel, handlerChannel };
const heard = (): string[] => [
  ...Object.entries(CHANNELS).flatMap(([name, channel]) =>
    isHeard(channel as never) ? [name] : [],
  ),
  ...(breakerChannel.hasSubscribers ? ['breakerChannel'] : []),
];

const activeSpan = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

/** Remembers which span was active when a request was sent. */
class SpanDispatcher extends CountingDispatcher {
  readonly sentIn: (string | undefined)[] = [];

  override dispatch(options: never, handler: never): boolean {
    this.sentIn.push(activeSpan());
    return super.dispatch(options, handler);
  }
}

let count = 0;
const order = () => ({
  description: '茶',
  out_trade_no: `traced-${(count += 1)}-order`,
  amount: { total: 100 },
});

describe('the spans of calls', () => {
  let telemetry: Telemetry;
  let emulator: WechatPayEmulator;
  let app: INestApplication;
  let client: WechatPayClient;
  const dispatcher = new SpanDispatcher();

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    emulator = await WechatPayEmulator.start({ refundDelayMs: Infinity });
    const options = emulator.options({ notifyUrl: 'http://127.0.0.1:9/notify' });
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...options, http: { dispatcher } }),
        WechatPayOpenTelemetryModule.forRoot(telemetry.providers),
      ],
    })
    class AppModule {}
    app = (
      await Test.createTestingModule({ imports: [AppModule] }).compile()
    ).createNestApplication({ logger: false });
    await app.init();
    client = app.get(WechatPayClient);
    await client.payments.native.prepay(order()); // keys are there now
    telemetry.clear();
  });
  afterEach(() => {
    emulator.clearFaults();
    telemetry.clear();
  });
  afterAll(async () => {
    await app.close();
    await dispatcher.close();
    await emulator.close();
    await telemetry.close();
  });

  const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
  const idOf = (span: ReadableSpan): string => span.spanContext().spanId;

  it('are one for the call and one for each attempt, below the span of the caller', async () => {
    emulator.addFault({ kind: 'status-500', match: 'POST /v3/pay/' });
    const { spanId, traceId } = await telemetry.inSpan(() =>
      client.payments.native.prepay(order()),
    );
    const call = telemetry.named('wechatpay payments.native.prepay');
    expect(parentOf(call)).toBe(spanId);
    expect(call.spanContext().traceId).toBe(traceId);
    expect(call.kind).toBe(SpanKind.INTERNAL);
    expect(call.status.code).toBe(SpanStatusCode.UNSET);
    expect(call.attributes).toEqual({
      'wechatpay.merchant': 'default',
      'wechatpay.mchid': emulator.mchid,
      'wechatpay.operation': 'payments.native.prepay',
      'wechatpay.attempts': 2,
      'wechatpay.request_id': expect.stringMatching(/^[\w.-]+$/),
      'http.response.status_code': 200,
    });

    const attempts = telemetry.spans.filter(({ name }) => name.startsWith('POST '));
    expect(attempts.map(parentOf)).toEqual([idOf(call), idOf(call)]);
    expect(attempts.map(({ kind }) => kind)).toEqual([SpanKind.CLIENT, SpanKind.CLIENT]);
    const [first, second] = attempts;
    const port = Number(new URL(emulator.url).port);
    const shared = {
      'http.request.method': 'POST',
      'url.template': '/v3/pay/transactions/native',
      'server.address': '127.0.0.1',
      'server.port': port,
      'wechatpay.merchant': 'default',
      'wechatpay.mchid': emulator.mchid,
      'wechatpay.operation': 'payments.native.prepay',
      'wechatpay.hedge': false,
    };
    expect(first?.attributes).toEqual({
      ...shared,
      'wechatpay.attempt': 1,
      'wechatpay.request_id': expect.any(String),
      'wechatpay.platform_code': 'SYSTEM_ERROR',
      'http.response.status_code': 500,
      'error.type': 'API_ERROR',
    });
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'API_ERROR' });
    expect(second?.attributes).toEqual({
      ...shared,
      'wechatpay.attempt': 2,
      'http.request.resend_count': 1,
      'wechatpay.request_id': call.attributes['wechatpay.request_id'],
      'http.response.status_code': 200,
    });
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    expect(first?.attributes['wechatpay.request_id']).not.toBe(
      second?.attributes['wechatpay.request_id'],
    );
  });

  it('end in an error when the call does, with its code and no message', async () => {
    const outTradeNo = order().out_trade_no;
    await rejection(client.payments.native.queryByOutTradeNo(outTradeNo));
    const call = telemetry.named('wechatpay payments.native.queryOrderByOutTradeNo');
    expect(call.status).toEqual({ code: SpanStatusCode.ERROR, message: 'API_ERROR' });
    expect(
      pick(call.attributes, 'error.type', 'wechatpay.platform_code', 'http.response.status_code'),
    ).toEqual({
      'error.type': 'API_ERROR',
      'wechatpay.platform_code': 'ORDER_NOT_EXIST',
      'http.response.status_code': 404,
    });
    expect(call.events).toEqual([]);
    const attempt = telemetry.named('GET /v3/pay/transactions/out-trade-no/{out_trade_no}');
    expect(attempt.status.code).toBe(SpanStatusCode.ERROR);
    expect(telemetry.spans.map((span) => telemetry.textOf(span)).join()).not.toContain(outTradeNo);
  });

  it('have the span of the attempt as the active one while it is sent, and not after it', async () => {
    const { spanId } = await telemetry.inSpan(async () => {
      const running = client.payments.native.prepay(order());
      const during = activeSpan();
      await running;
      expect(activeSpan()).toBe(during);
    });
    const attempt = telemetry.named('POST /v3/pay/transactions/native');
    expect(dispatcher.sentIn.at(-1)).toBe(idOf(attempt));
    expect(spanId).not.toBe(idOf(attempt));
  });

  it('are roots of their own where nothing is active', async () => {
    await context.with(ROOT_CONTEXT, () => client.payments.native.prepay(order()));
    const call = telemetry.named('wechatpay payments.native.prepay');
    const attempt = telemetry.named('POST /v3/pay/transactions/native');
    expect(parentOf(call)).toBeUndefined();
    expect(parentOf(attempt)).toBe(idOf(call));
  });

  it('name calls by path without what stands in it', async () => {
    const path = '/v3/pay/transactions/out-trade-no/tea-order';
    await rejection(client.http.get(path, { query: { mchid: emulator.mchid } }));
    telemetry.named('wechatpay GET /v3/pay/transactions/*');
    const attempt = telemetry.named('GET /v3/pay/transactions/*');
    expect(attempt.attributes['url.template']).toBe('/v3/pay/transactions/*');
    expect(attempt.attributes['wechatpay.operation']).toBeUndefined();
  });

  it('are no failures where the caller gave up', async () => {
    const placed = order();
    await client.payments.native.prepay(placed);
    telemetry.clear();
    emulator.addFault({ kind: 'delay', delayMs: 2_000, match: 'GET /v3/pay/' });
    const aborting = new AbortController();
    const asking = client.payments.native.queryByOutTradeNo(placed.out_trade_no, {
      signal: aborting.signal,
    });
    setTimeout(() => aborting.abort(), 50);
    await rejection(asking);
    const call = telemetry.named('wechatpay payments.native.queryOrderByOutTradeNo');
    expect(call.attributes['error.type']).toBe('ABORTED');
    expect(call.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('show no secret, no person and no number of an order', async () => {
    const body = {
      ...order(),
      payer: { openid: OPENID, identity: { type: 'IDCARD', name: NAME, number: ID_NUMBER } },
    };
    const refund = {
      out_trade_no: body.out_trade_no,
      out_refund_no: 'refund-of-tea',
      amount: { refund: 1, total: 100, currency: 'CNY' },
    };
    await client.payments.jsapi.prepay(body as never);
    for (const kind of ['bad-signature', 'html-502', 'drop', 'truncated-body'] as const) {
      emulator.addFault({ kind, match: 'POST /v3/pay/', times: 3 });
      await rejection(client.payments.jsapi.prepay(body as never));
      emulator.clearFaults();
    }
    await rejection(client.refunds.create(refund));
    await rejection(client.refunds.query('refund-of-tea'));
    await rejection(client.http.get(`/v3/users/${OPENID}/orders/${body.out_trade_no}`));
    const { privateKey, certificate, apiV3Key } = emulator.options().credential;
    const secrets = new Secrets([
      ...[privateKey, certificate, apiV3Key, OPENID, NAME, ID_NUMBER],
      ...[body.out_trade_no, 'refund-of-tea', body.description],
    ]);
    expect(telemetry.spans.length).toBeGreaterThan(10);
    for (const span of telemetry.spans) {
      secrets.expectNoneIn(telemetry.textOf(span), `the span ${span.name}`);
    }
    secrets.expectNoneIn(await telemetry.scrapeText(), 'the metrics');
  });
});

describe('an instrumentation', () => {
  let telemetry: Telemetry;
  let emulator: WechatPayEmulator;
  let app: INestApplication;

  beforeAll(async () => {
    telemetry = await Telemetry.start();
    emulator = await WechatPayEmulator.start();
    const imports = [WechatPayModule.forRoot(emulator.options())];
    app = (await Test.createTestingModule({ imports }).compile()).createNestApplication();
    await app.init();
  });
  afterEach(() => telemetry.clear());
  afterAll(async () => {
    await app.close();
    await emulator.close();
    await telemetry.close();
  });

  const prepay = () =>
    app.get(WechatPayClient).payments.native.prepay({
      ...order(),
      notify_url: 'http://127.0.0.1:9/notify',
    });

  it('listens until it is ended, and to nothing before and after', async () => {
    expect(heard()).toEqual([]);
    const end = instrumentWechatPay(telemetry.providers);
    expect(heard()).toEqual([...Object.keys(CHANNELS), 'breakerChannel']);
    await prepay();
    expect(telemetry.spans).toHaveLength(2);
    end();
    end();
    expect(heard()).toEqual([]);
    await prepay();
    expect(telemetry.spans).toHaveLength(2);
  });

  it('makes nothing twice for two applications, and ends with the second', async () => {
    const merchants = app.get(WechatPayMerchants);
    const ends = [1, 2].map(() => instrumentWechatPay({ ...telemetry.providers, merchants }));
    await prepay();
    expect(telemetry.spans).toHaveLength(2);
    ends[0]?.();
    ends[0]?.();
    await prepay();
    expect(telemetry.spans).toHaveLength(4);
    ends[1]?.();
    expect(heard()).toEqual([]);
  });

  it('ends the spans of calls that run when it is ended', async () => {
    emulator.addFault({ kind: 'delay', delayMs: 300, match: 'POST /v3/pay/' });
    const end = instrumentWechatPay(telemetry.providers);
    const running = prepay();
    end();
    expect(telemetry.spans).toHaveLength(0);
    await running;
    expect(telemetry.spans.map(({ name }) => name)).toContain('wechatpay payments.native.prepay');
    expect(heard()).toEqual([]);
  });

  it('puts attempts below their call where the application propagates no context', async () => {
    const end = instrumentWechatPay(telemetry.providers);
    context.disable();
    await prepay();
    end();
    const call = telemetry.named('wechatpay payments.native.prepay');
    const attempt = telemetry.named('POST /v3/pay/transactions/native');
    expect(attempt.parentSpanContext?.spanId).toBe(call.spanContext().spanId);
  });

  it('works with the global providers, which do nothing when none is registered', async () => {
    const end = instrumentWechatPay();
    await expect(prepay()).resolves.toHaveProperty('code_url');
    end();
    expect(heard()).toEqual([]);
  });
});
