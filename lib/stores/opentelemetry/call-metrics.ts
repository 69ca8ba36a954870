import type { Context, Counter, Meter } from '@opentelemetry/api';
import { attemptChannel, callChannel, listen, type CallEvent } from '../../diagnostics/index.js';
import {
  WechatPayApiError,
  WechatPayRequestError,
  WechatPaySignatureError,
  WechatPayError,
} from '../../errors/index.js';
import { errorTypeOf, HTTP, known, serverOf, templateOf, WECHATPAY } from './attributes.js';
import { BoundedLabels } from './bounded-labels.js';

/** Upper bounds in seconds; 0.2 is the service level of the alert rules. */
const BOUNDARIES = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 7.5, 10];

/**
 * Measures calls and attempts.
 *
 * @param failures counts answers that do not verify
 * @param contexts those of the spans, for exemplars
 * @returns how to stop
 */
export function measureCalls(
  meter: Meter,
  merchants: BoundedLabels,
  failures: Counter,
  contexts: WeakMap<object, Context>,
): () => void {
  const paths = new BoundedLabels();
  const duration = meter.createHistogram('wechatpay.client.call.duration', {
    description: 'Calls to the platform, from their admission to their result',
    unit: 's',
    advice: { explicitBucketBoundaries: BOUNDARIES },
  });
  const attempts = meter.createCounter('wechatpay.client.attempts', {
    description: 'Attempts of calls: first ones, repetitions, hedges',
    unit: '{attempt}',
  });
  const stopCalls = listen(callChannel, {
    begin: () => performance.now(),
    end: (call, startedAtMs) => {
      const { merchant, operation, method, status, error } = call;
      const attributes = known({
        [WECHATPAY.merchant]: merchants.of(merchant),
        [WECHATPAY.operation]: operation ?? paths.of(`${method} ${templateOf(call)}`),
        [WECHATPAY.outcome]: outcomeOf(call),
        [HTTP.status]: status,
        [HTTP.errorType]: error === undefined ? undefined : errorTypeOf(error),
      });
      const seconds = (performance.now() - startedAtMs) / 1000;
      duration.record(seconds, attributes, contexts.get(call));
    },
  });
  const stopAttempts = listen(attemptChannel, {
    begin: () => undefined,
    end: ({ call, origin, number, isHedge, error }) => {
      const merchant = merchants.of(call.merchant);
      attempts.add(
        1,
        known({
          [WECHATPAY.merchant]: merchant,
          ...serverOf(origin),
          [WECHATPAY.attemptKind]: isHedge ? 'hedge' : number > 1 ? 'retry' : 'first',
          [HTTP.errorType]: error === undefined ? undefined : errorTypeOf(error),
        }),
      );
      if (!(error instanceof WechatPaySignatureError)) return;
      const reason = error.isProbe ? 'PROBE' : error.code;
      failures.add(1, {
        [WECHATPAY.merchant]: merchant,
        [WECHATPAY.from]: 'answer',
        [WECHATPAY.reason]: reason,
      });
    },
  });
  return () => {
    stopCalls();
    stopAttempts();
  };
}

/** What a call counts as in the service level: only `failed` is against it. */
type Outcome = 'ok' | 'fallback' | 'refused' | 'aborted' | 'failed';

/** Refusals of the platform that are no answer to the call: the signature, and too many calls. */
const NO_ANSWER: ReadonlySet<number> = new Set([401, 429]);

function outcomeOf(call: CallEvent): Outcome {
  const { error } = call;
  if (error === undefined) return isFallback(call) ? 'fallback' : 'ok';
  if (error instanceof WechatPayApiError) {
    return error.status < 500 && !NO_ANSWER.has(error.status) ? 'refused' : 'failed';
  }
  if (error instanceof WechatPayRequestError || !(error instanceof WechatPayError)) {
    return 'refused'; // its arguments could not be sent
  }
  return error.code === 'ABORTED' ? 'aborted' : 'failed';
}

/** Node puts the result beside the event. */
function isFallback(call: CallEvent & { readonly result?: unknown }): boolean {
  return (call.result as { readonly isFallback?: boolean } | undefined)?.isFallback === true;
}
