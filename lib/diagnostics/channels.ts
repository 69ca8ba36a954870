import {
  channel,
  tracingChannel,
  type Channel,
  type TracingChannel,
} from 'node:diagnostics_channel';
import type { WechatPayErrorCode } from '../errors/index.js';
import { runTraced } from './tracing-system.js';

/**
 * A call of a merchant, from its admission to its result. The object is one for the whole call: what is
 * not known at its beginning is filled in on the way.
 *
 * @publicApi
 */
export interface CallEvent {
  /** Name of the merchant's registration. */
  readonly merchant: string;
  readonly mchid: string;
  /** Such as `payments.native.prepay`; `undefined` for a call by path. */
  readonly operation: string | undefined;
  readonly method: string;
  /** Path with `{placeholders}`; of a call by path, that path without what identifies a person. */
  readonly route: string;
  /** Attempts that were begun. */
  attempts: number;
  /** HTTP status of the answer that counted. */
  status: number | undefined;
  /** The platform's `Request-ID` of that answer. */
  requestId: string | undefined;
  /** Why it failed. */
  error?: unknown;
}

/**
 * One attempt of a call: signed, sent, verified.
 *
 * @publicApi
 */
export interface AttemptEvent {
  readonly call: CallEvent;
  /** Scheme and host that it went to. */
  readonly origin: string;
  /** Which attempt of the call, from 1. */
  readonly number: number;
  /** Whether it was begun beside one that had not failed. */
  readonly isHedge: boolean;
  status: number | undefined;
  requestId: string | undefined;
  error?: unknown;
}

/**
 * A notification on its way through the guard.
 *
 * @publicApi
 */
export interface NotificationEvent {
  /** Name of the merchant's registration. */
  readonly merchant: string;
  readonly mchid: string;
  /** Known once it is verified. */
  id: string | undefined;
  eventType: string | undefined;
  /** The platform's `Request-ID`. */
  readonly requestId: string | undefined;
  /**
   * Known at the end: let through; a deliberate wrong signature of the platform (签名探测流量); not genuine,
   * or not for this merchant; or the fault is on this side, such as a wrong APIv3 key.
   */
  outcome: 'accepted' | 'probe' | 'refused' | 'failed' | undefined;
  /** The code of the error, of all that were not accepted. */
  reason: WechatPayErrorCode | 'UNKNOWN' | undefined;
  error?: unknown;
}

/**
 * A verified notification in the hands of one handler, or on its way into the queue.
 *
 * @publicApi
 */
export interface HandlerEvent {
  /** How it came through the guard; `undefined` for what a queue brought or a query found. */
  readonly notification: NotificationEvent | undefined;
  readonly merchant: string;
  readonly mchid: string;
  readonly id: string;
  readonly eventType: string;
  /** Name of the handler; `undefined` for the queue. */
  readonly handler: string | undefined;
  /**
   * Known at the end: handled in time; handled when the platform was told to come back; it failed; it had
   * been handled before; somebody is at it now; or the queue has it.
   */
  outcome: 'handled' | 'late' | 'failed' | 'duplicate' | 'busy' | 'queued' | undefined;
  /** Why it failed: the application's own error, which may hold anything. */
  error?: unknown;
}

/**
 * A circuit breaker changed its state.
 *
 * @publicApi
 */
export interface BreakerEvent {
  readonly origin: string;
  readonly state: 'closed' | 'open' | 'half-open';
}

/** Names of the channels, for subscribers of `node:diagnostics_channel`. */
export const CHANNELS = {
  call: 'nestjs-wechatpay:call',
  attempt: 'nestjs-wechatpay:attempt',
  notification: 'nestjs-wechatpay:notification',
  handler: 'nestjs-wechatpay:handler',
  breaker: 'nestjs-wechatpay:breaker',
} as const;

/** Tracing channels by `start`, `asyncEnd` and `error`; nobody pays for one that nobody listens to. */
export const callChannel = tracing<CallEvent>(CHANNELS.call);
export const attemptChannel = tracing<AttemptEvent>(CHANNELS.attempt);
export const notificationChannel = tracing<NotificationEvent>(CHANNELS.notification);
export const handlerChannel = tracing<HandlerEvent>(CHANNELS.handler);
export const breakerChannel: Channel = channel(CHANNELS.breaker);

function tracing<Event extends object>(name: string): TracingChannel<unknown, Event> {
  return tracingChannel(name) as TracingChannel<unknown, Event>;
}

/** Runs work and tells of its beginning and its end, if anybody listens; inside its span, if it has one. */
export function traced<Event extends object, T>(
  through: TracingChannel<unknown, Event>,
  event: Event,
  work: () => Promise<T>,
): Promise<T> {
  if (!isHeard(through)) return work();
  return through.tracePromise(() => runTraced(event, work), event) as Promise<T>;
}

/** Whether anybody listens. */
export function isHeard<Event extends object>(through: TracingChannel<unknown, Event>): boolean {
  const { start, asyncEnd, error } = through;
  return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers;
}
