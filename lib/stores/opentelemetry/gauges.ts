import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import {
  attemptChannel,
  breakerChannel,
  listen,
  type BreakerEvent,
  type ObservedMerchant,
} from '../../diagnostics/index.js';
import { serverOf, WECHATPAY } from './attributes.js';
import type { BoundedLabels } from './bounded-labels.js';

const DAY_MS = 86_400_000;
/** Hosts that are measured; more can only come from options of very many merchants. */
const MAX_HOSTS = 100;
const STATES: Readonly<Record<BreakerEvent['state'], number>> = {
  closed: 0,
  'half-open': 1,
  open: 2,
};

/**
 * Measures, whenever metrics are collected, how busy the merchants are, how long their keys last, how far
 * the clock is off, and what the breakers of the hosts do.
 *
 * @returns how to stop
 */
export function measureMerchants(
  meter: Meter,
  labels: BoundedLabels,
  merchants: () => readonly ObservedMerchant[],
): () => void {
  const gauge = (name: string, description: string, unit: string) =>
    meter.createObservableGauge(name, { description, unit });
  const running = gauge('wechatpay.client.calls.running', 'Calls that run', '{call}');
  const waiting = gauge('wechatpay.client.calls.waiting', 'Calls that wait their turn', '{call}');
  const limit = gauge('wechatpay.client.calls.limit', 'Calls that may run', '{call}');
  const skew = gauge('wechatpay.clock.skew', "How far this clock is ahead of the platform's", 's');
  const daysLeft = gauge('wechatpay.key.days_left', 'Days until a certificate ends', 'd');
  const breaker = gauge(
    'wechatpay.client.breaker.state',
    'Circuit breaker of a host: 0 closed, 1 half-open, 2 open',
    '1',
  );
  const all = [running, waiting, limit, skew, daysLeft, breaker];
  const hosts = watchHosts();
  const series = new Series();
  const observe = (result: BatchObservableResult): void => {
    const nowMs = Date.now();
    for (const merchant of merchants()) {
      const own = { [WECHATPAY.merchant]: labels.of(merchant.name) };
      const { load } = merchant.http;
      series.add(running, own, load.running, sum, 0);
      series.add(waiting, own, load.waiting, sum, 0);
      series.add(limit, own, load.limit, sum, 0);
      const skewMs = merchant.http.clockSkewMs ?? merchant.notifications.clockSkewMs;
      if (skewMs !== undefined) series.add(skew, own, skewMs / 1000, farther, NaN);
      for (const [owner, endsAtMs] of endsOf(merchant)) {
        const of = { ...own, [WECHATPAY.owner]: owner };
        series.add(daysLeft, of, (endsAtMs - nowMs) / DAY_MS, Math.min, NaN);
      }
    }
    series.observe(result);
    for (const [origin, state] of hosts.states) {
      result.observe(breaker, STATES[state], serverOf(origin));
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
    hosts.stop();
  };
}

/** The certificate of the merchant, and the one of the platform that lasts longest. */
function endsOf({ credentials, certificates }: ObservedMerchant): [string, number][] {
  const ends = certificates.keyRing.keys
    .filter(({ kind, leftOutAtMs }) => kind === 'certificate' && leftOutAtMs === undefined)
    .map(({ notAfterMs }) => notAfterMs);
  const own = credentials.credential?.notAfterMs;
  return [
    ...(own === undefined ? [] : [['merchant', own] as [string, number]]),
    ...(ends.length === 0 ? [] : [['platform', Math.max(...ends)] as [string, number]]),
  ];
}

/** The state of every host that was called since: closed until its breaker says otherwise. */
function watchHosts() {
  const states = new Map<string, BreakerEvent['state']>();
  const note = (origin: string, state: BreakerEvent['state']): void => {
    if (states.has(origin) || states.size < MAX_HOSTS) states.set(origin, state);
  };
  const changed = (message: unknown): void => {
    const { origin, state } = message as BreakerEvent;
    note(origin, state);
  };
  breakerChannel.subscribe(changed);
  const stopAttempts = listen(attemptChannel, {
    begin: ({ origin }) => note(origin, states.get(origin) ?? 'closed'),
    end: () => undefined,
  });
  const stop = (): void => {
    breakerChannel.unsubscribe(changed);
    stopAttempts();
  };
  return { states, stop };
}

type Combine = (a: number, b: number) => number;
const sum: Combine = (a, b) => a + b;
const farther: Combine = (a, b) => (Math.abs(b) > Math.abs(a) ? b : a);

interface One {
  readonly of: Observable;
  readonly attributes: Attributes;
  /** What is observed once there is nothing: the SDK would go on with the last value for ever. */
  readonly gone: number;
  value: number | undefined;
}

/** Values by instrument and attributes; those of merchants that share a label are combined. */
class Series {
  readonly #all = new Map<Observable, Map<string, One>>();

  /** @param gone observed for a merchant that is there no more: `NaN`, which no alert compares with, or 0 */
  add(of: Observable, attributes: Attributes, value: number, combine: Combine, gone: number): void {
    const series = this.#all.get(of) ?? new Map<string, One>();
    this.#all.set(of, series);
    const key = Object.values(attributes).join('\n');
    const one = series.get(key) ?? { of, attributes, gone, value: undefined };
    series.set(key, one);
    one.value = one.value === undefined ? value : combine(one.value, value);
  }

  /** Gives what was added since the last time. */
  observe(result: BatchObservableResult): void {
    for (const one of [...this.#all.values()].flatMap((series) => [...series.values()])) {
      result.observe(one.of, one.value ?? one.gone, one.attributes);
      one.value = undefined;
    }
  }
}
