import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WechatPayApiError, WechatPayTransportError } from '../../../lib/errors/index.js';
import { Hosts, type BreakerState } from '../../../lib/transport/index.js';

const A = 'https://a.example';
const B = 'https://b.example';

const unreachable = (): Promise<never> =>
  Promise.reject(new WechatPayTransportError('CONNECTION_FAILED', 'x', { origin: A }));
const answered = (status: number) => (): Promise<never> =>
  Promise.reject(
    new WechatPayApiError({
      method: 'GET',
      target: '/v3/x',
      status,
      body: Buffer.alloc(0),
      requestId: undefined,
    }),
  );
const fine = (): Promise<string> => Promise.resolve('fine');
const aborted = (): Promise<never> =>
  Promise.reject(new WechatPayTransportError('ABORTED', 'x', { origin: A }));

describe('the hosts of a process', () => {
  let hosts: Hosts;
  let changes: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    changes = [];
    hosts = new Hosts(
      () => 0.5,
      ({ origin, state }) => changes.push(`${origin} ${state}`),
    );
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const choose = (origins = [A, B], mayProbe = true, inVain: string[] = []) =>
    hosts.choose(origins, { inVain, mayProbe });
  const at = (origin: string) => choose([origin]);
  const happens = async (origin: string, what: () => Promise<unknown>, times = 1) => {
    for (let each = 0; each < times; each += 1) {
      await at(origin)
        .run(what)
        .catch(() => undefined);
    }
  };
  const stateOf = (origin: string): BreakerState | undefined =>
    hosts.states.find((each) => each.origin === origin)?.state;

  it('prefer the first, and any that the call has not tried in vain', () => {
    expect(choose().origin).toBe(A);
    expect(choose([A, B], true, [A]).origin).toBe(B);
    expect(choose([A, B], true, [A, B]).origin).toBe(A);
  });

  it('leave a host after three connection failures in a row, and try it again after ten seconds', async () => {
    await happens(A, unreachable, 2);
    expect(choose().origin).toBe(A);
    await happens(A, unreachable);
    expect(choose().origin).toBe(B);
    jest.advanceTimersByTime(9_999);
    expect(choose().origin).toBe(B);
    jest.advanceTimersByTime(1);
    expect(choose([A, B], false).origin).toBe(B); // a write that must not be lost tries nothing
    const probe = choose();
    expect(probe.origin).toBe(A);
    expect(choose().origin).toBe(B); // one call tries
    await probe.run(fine);
    expect(choose().origin).toBe(A);
  });

  it('wait longer after each try that failed, up to a minute', async () => {
    await happens(A, unreachable, 3);
    for (const seconds of [10, 20, 40, 60, 60]) {
      jest.advanceTimersByTime(seconds * 1_000 - 1);
      expect(choose().origin).toBe(B);
      jest.advanceTimersByTime(1);
      const probe = choose();
      expect(probe.origin).toBe(A);
      await probe.run(unreachable).catch(() => undefined);
    }
  });

  it('stay with a host that answers, whatever it says', async () => {
    for (let each = 0; each < 5; each += 1) {
      await happens(A, unreachable, 2);
      await happens(A, answered(404));
    }
    expect(choose().origin).toBe(A);
  });

  it('stay with the one host there is', async () => {
    await happens(A, unreachable, 10);
    expect(choose([A]).origin).toBe(A);
  });

  it.each([
    ['connection failures', unreachable],
    ['5xx', answered(503)],
  ])('open a breaker at half of twenty requests: %s', async (_, failure) => {
    await happens(A, fine, 10);
    await happens(A, failure, 9);
    expect(stateOf(A)).toBe('closed');
    await happens(A, failure);
    expect([stateOf(A), changes]).toEqual(['open', [`${A} open`]]);
    expect(choose().origin).toBe(B);
  });

  it.each([
    ['4xx', answered(429)],
    ['aborted calls', aborted],
    ['successes', fine],
  ])('open none because of %s', async (_, what) => {
    await happens(A, what, 100);
    expect(stateOf(A)).toBe('closed');
  });

  it('open none because of fewer than twenty, nor of failures from another time', async () => {
    await happens(A, unreachable, 19);
    expect(stateOf(A)).toBe('closed');
    for (let second = 0; second < 15; second += 1) {
      jest.advanceTimersByTime(1_000);
      await happens(A, fine);
    }
    await happens(A, unreachable, 5);
    expect(stateOf(A)).toBe('closed');
    await happens(B, unreachable, 19);
    jest.advanceTimersByTime(3_600_000);
    await happens(B, unreachable, 19);
    expect(stateOf(B)).toBe('closed');
    await happens(B, unreachable);
    expect(stateOf(B)).toBe('open');
  });

  it('fail at once when every breaker is open, and say when to come back', async () => {
    await happens(A, unreachable, 20);
    await happens(B, answered(500), 20);
    expect(() => choose()).toThrow(
      expect.objectContaining({
        code: 'CIRCUIT_OPEN',
        isRetryable: true,
        wasSent: false,
        retryAfterMs: 4_500,
      }),
    );
  });

  it('let one call through after the sleep, and close when it went well', async () => {
    await happens(A, unreachable, 20);
    jest.advanceTimersByTime(4_500);
    let answer: (value: string) => void = () => undefined;
    const probe = at(A).run(() => new Promise<string>((resolve) => (answer = resolve)));
    expect(stateOf(A)).toBe('half-open');
    expect(() => at(A)).toThrow(expect.objectContaining({ code: 'CIRCUIT_OPEN' }));
    answer('fine');
    await probe;
    expect(stateOf(A)).toBe('closed');
    expect(changes).toEqual([`${A} open`, `${A} half-open`, `${A} closed`]);
  });

  it.each([
    ['failed', unreachable, 'open'],
    ['was aborted, which shows nothing', aborted, 'open'],
    ['was refused by the platform, which has answered', answered(400), 'closed'],
  ])('are open or closed after a trial that %s', async (_, what, state) => {
    await happens(A, unreachable, 20);
    jest.advanceTimersByTime(4_500);
    await happens(A, what);
    expect(stateOf(A)).toBe(state);
  });

  it('sleep between four and five seconds, so that a fleet does not come back in one moment', async () => {
    for (const [random, ms] of [
      [0, 5_000],
      [1, 4_000],
    ] as const) {
      hosts = new Hosts(() => random);
      await happens(A, unreachable, 20);
      jest.advanceTimersByTime(ms - 1);
      expect(() => at(A)).toThrow(expect.objectContaining({ retryAfterMs: 1 }));
      jest.advanceTimersByTime(1);
      expect(at(A).origin).toBe(A);
    }
  });

  it('are remembered up to a bound', () => {
    for (let each = 0; each < 1_500; each += 1) at(`https://${each}.example`);
    expect(hosts.states).toHaveLength(1_000);
  });
});
