import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api';
import type { CallEvent } from '../../diagnostics/index.js';
import { WechatPayApiError, WechatPayError } from '../../errors/index.js';

/** Names of attributes that are ours. */
export const WECHATPAY = {
  merchant: 'wechatpay.merchant',
  mchid: 'wechatpay.mchid',
  operation: 'wechatpay.operation',
  outcome: 'wechatpay.outcome',
  requestId: 'wechatpay.request_id',
  platformCode: 'wechatpay.platform_code',
  attempt: 'wechatpay.attempt',
  attempts: 'wechatpay.attempts',
  attemptKind: 'wechatpay.attempt.kind',
  hedge: 'wechatpay.hedge',
  notificationId: 'wechatpay.notification.id',
  eventType: 'wechatpay.notification.event_type',
  handler: 'wechatpay.handler',
  reason: 'wechatpay.reason',
  from: 'wechatpay.from',
  owner: 'wechatpay.key.owner',
} as const;

/**
 * Names of the semantic conventions of HTTP. Written here: their package is not a peer.
 *
 * @see Source: OpenTelemetry semantic conventions 1.29, HTTP spans
 */
export const HTTP = {
  method: 'http.request.method',
  resendCount: 'http.request.resend_count',
  status: 'http.response.status_code',
  template: 'url.template',
  address: 'server.address',
  port: 'server.port',
  errorType: 'error.type',
} as const;

/** A segment of a path that a person wrote into a document, not a number of an order. */
const PLAIN_SEGMENT = /^[a-z][a-z0-9_-]{0,31}$/;
const DIGITS = /\d{3}/;
/** The version, a family and a product; numbers of orders, bills and people stand behind them. */
const PLAIN_DEPTH = 3;

/**
 * The path of a call with no value in it: the template of its operation, and of a call by path what stands
 * before its first number, `/v3/refund/domestic/*`.
 */
export function templateOf({ operation, route }: CallEvent): string {
  if (operation !== undefined) return route;
  const segments = route.split('/').slice(1);
  const plain = segments.findIndex(
    (segment) => !PLAIN_SEGMENT.test(segment) || DIGITS.test(segment),
  );
  const kept = Math.min(plain < 0 ? segments.length : plain, PLAIN_DEPTH);
  const start = segments.slice(0, kept).map((segment) => `/${segment}`);
  return start.join('') + (kept < segments.length ? '/*' : '');
}

/** Host and port of an origin. */
export function serverOf(origin: string): Attributes {
  const { protocol, hostname, port } = new URL(origin);
  const known = protocol === 'http:' ? 80 : 443;
  return { [HTTP.address]: hostname, [HTTP.port]: port === '' ? known : Number(port) };
}

/** The code of an error of ours; of another its class at most, as its message may hold anything. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof WechatPayError) return error.code;
  const name = error instanceof Error ? error.name : '';
  return /^[A-Za-z]\w{0,63}$/.test(name) ? name : '_OTHER';
}

/** Marks a span as failed, by codes only: messages name the number of an order. */
export function markFailed(span: Span, error: unknown): void {
  const type = errorTypeOf(error);
  span.setAttribute(HTTP.errorType, type);
  if (error instanceof WechatPayApiError && /^[A-Z0-9_]{1,64}$/.test(error.platformCode ?? '')) {
    span.setAttribute(WECHATPAY.platformCode, error.platformCode ?? '');
  }
  // given up on purpose: the caller did, or another attempt was answered first
  if (type !== 'ABORTED') span.setStatus({ code: SpanStatusCode.ERROR, message: type });
}

/** Only what is known. */
export function known(attributes: Readonly<Record<string, Attributes[string]>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
