import {
  context,
  isSpanContextValid,
  metrics,
  trace,
  type Context,
  type MeterProvider,
  type TracerProvider,
} from '@opentelemetry/api';
import { addTracingSystem, type ObservedMerchants } from '../../diagnostics/index.js';
import { TOKEN_PREFIX, VERSION } from '../../version.js';
import { BoundedLabels } from './bounded-labels.js';
import { traceCalls } from './call-spans.js';
import { measureCalls } from './call-metrics.js';
import { measureMerchants } from './gauges.js';
import { measureNotifications } from './notification-metrics.js';
import { traceNotifications } from './notification-spans.js';

/**
 * What is instrumented, and for whom.
 *
 * @publicApi
 */
export interface InstrumentWechatPayOptions {
  /** Merchants whose keys, clock and load are measured: `app.get(WechatPayMerchants)`. @default none */
  readonly merchants?: ObservedMerchants | undefined;
  /** @default the global one, `trace.getTracerProvider()` */
  readonly tracerProvider?: TracerProvider | undefined;
  /** @default the global one at this moment, `metrics.getMeterProvider()` */
  readonly meterProvider?: MeterProvider | undefined;
}

/** An instrumentation that runs; the channels are the process's, so one serves all who want the same. */
interface Running {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** One for each that asked for it. */
  readonly users: Set<{ readonly merchants: ObservedMerchants | undefined }>;
  readonly end: () => void;
}

/** The same for all copies of this package in a process. */
const RUNNING = Symbol.for(`${TOKEN_PREFIX}:opentelemetry`);
type Global = typeof globalThis & { [RUNNING]?: Set<Running> };

/**
 * Makes spans and metrics of what the calls, notifications and handlers of this process do, and puts the
 * trace id into our lines of the log. Calling it again with the same providers makes nothing twice.
 *
 * @returns how to end it; what has begun is still ended. Ending twice is harmless
 * @publicApi
 */
export function instrumentWechatPay(options: InstrumentWechatPayOptions = {}): () => void {
  const {
    merchants,
    tracerProvider = trace.getTracerProvider(),
    meterProvider = metrics.getMeterProvider(),
  } = options;
  const all = ((globalThis as Global)[RUNNING] ??= new Set<Running>());
  const running =
    [...all].find(
      (each) => each.tracerProvider === tracerProvider && each.meterProvider === meterProvider,
    ) ?? start(tracerProvider, meterProvider);
  const user = { merchants };
  all.add(running);
  running.users.add(user);
  return () => {
    if (!running.users.delete(user) || running.users.size > 0) return;
    all.delete(running);
    running.end();
  };
}

function start(tracerProvider: TracerProvider, meterProvider: MeterProvider): Running {
  const users: Running['users'] = new Set();
  const tracer = tracerProvider.getTracer('nestjs-wechatpay', VERSION);
  const meter = meterProvider.getMeter('nestjs-wechatpay', VERSION);
  const contexts = new WeakMap<object, Context>();
  const labels = new BoundedLabels();
  const failures = meter.createCounter('wechatpay.signature.failures', {
    description: 'Answers and notifications without a valid signature of the platform',
    unit: '{failure}',
  });
  // Spans first: what is measured of an event knows its span then.
  const ends = [
    traceCalls(tracer, contexts),
    traceNotifications(tracer, contexts),
    measureCalls(meter, labels, failures, contexts),
    measureNotifications(meter, labels, failures),
    measureMerchants(meter, labels, () => merchantsOf(users)),
    addTracingSystem({
      label: () => {
        const span = trace.getActiveSpan()?.spanContext();
        return span && isSpanContextValid(span) ? `trace ${span.traceId}` : undefined;
      },
      run: (event, work) => {
        const active = contexts.get(event);
        return active ? context.with(active, work) : work();
      },
    }),
  ];
  const end = (): void => ends.forEach((each) => each());
  return { tracerProvider, meterProvider, users, end };
}

/** Each once, however many instrument for it. */
function merchantsOf(users: Running['users']) {
  const sources = new Set([...users].map(({ merchants }) => merchants));
  return [...sources].flatMap((source) => source?.loaded ?? []);
}
