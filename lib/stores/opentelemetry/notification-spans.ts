import { context, SpanKind, trace, type Context, type Tracer } from '@opentelemetry/api';
import {
  handlerChannel,
  listen,
  notificationChannel,
  type HandlerEvent,
  type NotificationEvent,
} from '../../diagnostics/index.js';
import { HTTP, known, markFailed, WECHATPAY } from './attributes.js';

/**
 * A span for each notification on its way through the guard, below the span of the inbound request where
 * there is one, and one for each handler.
 *
 * @param contexts where each event is given the context that its work is to run in
 * @returns how to stop
 */
export function traceNotifications(tracer: Tracer, contexts: WeakMap<object, Context>): () => void {
  const stopNotifications = listen(notificationChannel, {
    begin: (event) => {
      const parent = context.active();
      const options = { kind: SpanKind.CONSUMER, attributes: ownerOf(event) };
      const span = tracer.startSpan('wechatpay notification', options, parent);
      contexts.set(event, trace.setSpan(parent, span));
      return span;
    },
    end: ({ id, eventType, requestId, outcome, error }, span) => {
      if (eventType !== undefined) span.updateName(`wechatpay notification ${eventType}`);
      span.setAttributes(known({ ...eventOf({ id, eventType }), [WECHATPAY.outcome]: outcome }));
      if (outcome === 'accepted') span.setAttributes(known({ [WECHATPAY.requestId]: requestId }));
      // what is not genuine is no failure of ours: everybody may post
      else if (outcome === 'failed') markFailed(span, error);
      else span.setAttributes(known({ [HTTP.errorType]: outcome && codeOf(error) }));
      span.end();
    },
  });
  const stopHandlers = listen(handlerChannel, {
    begin: (event) => {
      const { handler } = event;
      const parent = parentOf(event, contexts);
      const name = handler === undefined ? 'wechatpay enqueue' : `wechatpay handle ${handler}`;
      const kind = handler === undefined ? SpanKind.PRODUCER : SpanKind.INTERNAL;
      const attributes = known({
        ...ownerOf(event),
        ...eventOf(event),
        [WECHATPAY.handler]: handler,
      });
      const span = tracer.startSpan(name, { kind, attributes }, parent);
      contexts.set(event, trace.setSpan(parent, span));
      return span;
    },
    end: ({ outcome, error }, span) => {
      span.setAttributes(known({ [WECHATPAY.outcome]: outcome }));
      if (outcome === 'failed') markFailed(span, error);
      span.end();
    },
  });
  return () => {
    stopNotifications();
    stopHandlers();
  };
}

/** Below what is active; where nothing is, as without instrumentation of HTTP, below the notification. */
function parentOf({ notification }: HandlerEvent, contexts: WeakMap<object, Context>): Context {
  const active = context.active();
  if (trace.getSpan(active) || !notification) return active;
  return contexts.get(notification) ?? active;
}

function ownerOf({ merchant, mchid }: NotificationEvent | HandlerEvent) {
  return { [WECHATPAY.merchant]: merchant, [WECHATPAY.mchid]: mchid };
}

function eventOf({ id, eventType }: Pick<NotificationEvent, 'id' | 'eventType'>) {
  return { [WECHATPAY.notificationId]: id, [WECHATPAY.eventType]: eventType };
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? '_OTHER';
}
