import { context, SpanKind, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import {
  attemptChannel,
  callChannel,
  listen,
  type AttemptEvent,
  type CallEvent,
} from '../../diagnostics/index.js';
import { HTTP, known, markFailed, serverOf, templateOf, WECHATPAY } from './attributes.js';

/**
 * A span for each call, below whatever is active when it is made, and in it one for each of its attempts.
 *
 * @param contexts where each event is given the context that its work is to run in
 * @returns how to stop
 */
export function traceCalls(tracer: Tracer, contexts: WeakMap<object, Context>): () => void {
  const enter = (event: object, parent: Context, span: Span): Span => {
    contexts.set(event, trace.setSpan(parent, span));
    return span;
  };
  const stopCalls = listen(callChannel, {
    begin: (call) => {
      const parent = context.active();
      const name = `wechatpay ${call.operation ?? `${call.method} ${templateOf(call)}`}`;
      const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL }, parent);
      if (span.isRecording()) span.setAttributes(callAttributes(call));
      return enter(call, parent, span);
    },
    end: (call, span) => {
      if (span.isRecording()) finish(span, call);
      span.setAttribute(WECHATPAY.attempts, call.attempts);
      span.end();
    },
  });
  const stopAttempts = listen(attemptChannel, {
    begin: (attempt) => {
      const { call } = attempt;
      const parent = contexts.get(call) ?? context.active();
      const name = `${call.method} ${templateOf(call)}`;
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT }, parent);
      if (span.isRecording()) span.setAttributes(attemptAttributes(attempt));
      return enter(attempt, parent, span);
    },
    end: (attempt, span) => {
      if (span.isRecording()) finish(span, attempt);
      span.end();
    },
  });
  return () => {
    stopAttempts();
    stopCalls();
  };
}

function callAttributes({ merchant, mchid, operation }: CallEvent) {
  return known({
    [WECHATPAY.merchant]: merchant,
    [WECHATPAY.mchid]: mchid,
    [WECHATPAY.operation]: operation,
  });
}

function attemptAttributes({ call, origin, number, isHedge }: AttemptEvent) {
  return {
    ...callAttributes(call),
    ...serverOf(origin),
    ...known({ [HTTP.resendCount]: number > 1 ? number - 1 : undefined }),
    [HTTP.method]: call.method,
    [HTTP.template]: templateOf(call),
    [WECHATPAY.attempt]: number,
    [WECHATPAY.hedge]: isHedge,
  };
}

function finish(span: Span, { status, requestId, error }: CallEvent | AttemptEvent): void {
  span.setAttributes(known({ [HTTP.status]: status, [WECHATPAY.requestId]: requestId }));
  if (error !== undefined) markFailed(span, error);
}
