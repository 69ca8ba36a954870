import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Subject } from 'rxjs';
import { LEASE_MS, PlatformKeyRing, type PlatformKey } from '../../lib/certificates/index.js';
import { RenewalPlan, type MerchantContext } from '../../lib/context/index.js';
import type { KeyEvent, KeyEventDetail } from '../../lib/events/index.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The one timer, fired by hand. */
class TestTimer {
  run: (() => void) | undefined;
  atMs = Number.NaN;
  /** How often it was planned. */
  plans = 0;
  constructor(private readonly now: () => number) {}
  plan(run: () => void, delayMs: number): void {
    this.plans += 1;
    this.run = run;
    this.atMs = this.now() + delayMs;
  }
  cancel(): void {
    this.run = undefined;
  }
}

describe('the plan of renewals', () => {
  let nowMs: number;
  let timer: TestTimer;
  let plan: RenewalPlan;

  beforeEach(() => {
    nowMs = Date.UTC(2026, 0, 1);
    timer = new TestTimer(() => nowMs);
    plan = new RenewalPlan({ timer, clock: () => nowMs, random: () => 0 });
  });

  const merchant = (facts: {
    outcome?: string | Error;
    hasNoCertificates?: boolean;
    usesCertificates?: boolean;
    signedAtMs?: number;
    notAfterMs?: number;
    merchantNotAfterMs?: number;
    failures?: number;
  }) => {
    const { outcome = 'renewed' } = facts;
    const keys: PlatformKey[] = facts.notAfterMs
      ? [
          {
            id: '0E3A0001',
            kind: 'certificate',
            key: undefined as never,
            notBeforeMs: 0,
            notAfterMs: facts.notAfterMs,
          },
        ]
      : [];
    const events: KeyEventDetail[] = [];
    const events$ = new Subject<KeyEvent>();
    const status = {
      hasNoCertificates: facts.hasNoCertificates ?? false,
      failures: facts.failures ?? 0,
    };
    const certificates = {
      usesCertificates: facts.usesCertificates ?? true,
      status,
      keyRing: new PlatformKeyRing(keys, facts.signedAtMs ?? 0),
    };
    const publish = (detail: KeyEventDetail): void => {
      events.push(detail);
      events$.next(detail as KeyEvent);
    };
    const renew = jest.fn((_minAgeMs: number) =>
      outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
    );
    const context = {
      certificates: Object.assign(certificates, { renew }),
      credentials: {
        credential: facts.merchantNotAfterMs
          ? { serialNo: '0ABC', notAfterMs: facts.merchantNotAfterMs }
          : undefined,
      },
      renewal: {},
      keyEvents: { publish, events$ },
    } as unknown as MerchantContext;
    /** Somebody else's refresh fails. */
    const fail = (): void => {
      status.failures += 1;
      publish({ type: 'refresh-failed', error: new Error('x') as never, failures: 1 });
    };
    return { context, certificates, renew, events, publish, fail, events$ };
  };
  /** Lets the clock reach the timer, and what it started end. */
  const tick = async (): Promise<void> => {
    nowMs = timer.atMs;
    timer.run?.();
    await new Promise((resolve) => setImmediate(resolve));
  };

  it('has one timer for all, each merchant in its own time', async () => {
    const randoms = [0, 0.5, 0];
    plan = new RenewalPlan({ timer, clock: () => nowMs, random: () => randoms.shift() ?? 0 });
    const [one, two] = [merchant({}), merchant({})];
    plan.add(one.context);
    plan.add(two.context);
    await tick();
    expect([one.renew.mock.calls.length, two.renew.mock.calls.length]).toEqual([1, 0]);
    expect(one.renew).toHaveBeenCalledWith(6 * HOUR);
    await tick();
    expect([one.renew.mock.calls.length, two.renew.mock.calls.length]).toEqual([1, 1]);
  });

  it('looks again after the lease when another process is at it', async () => {
    const { context, renew } = merchant({ outcome: 'busy' });
    plan.add(context);
    await tick();
    expect(timer.atMs - nowMs).toBe(LEASE_MS);
    await tick();
    expect(renew).toHaveBeenCalledTimes(2);
  });

  it('counts from the renewal of another process when the list is young', async () => {
    const { context, renew } = merchant({
      outcome: 'young',
      signedAtMs: Date.UTC(2026, 0, 1) + 4 * HOUR,
    });
    plan.add(context);
    while (renew.mock.calls.length === 0) await tick(); // six hours after the start
    expect(nowMs).toBe(Date.UTC(2026, 0, 1) + 6 * HOUR);
    await tick();
    expect(nowMs).toBe(Date.UTC(2026, 0, 1) + 10 * HOUR);
    expect(renew).toHaveBeenCalledTimes(2);
  });

  it('comes again a minute after a failure', async () => {
    const { context } = merchant({ outcome: new Error('x'), failures: 1 });
    plan.add(context);
    await tick();
    expect(timer.atMs - nowMs).toBe(45_000);
  });

  it('asks no more for certificates that the platform does not have, but looks at the merchant’s daily', async () => {
    const { context, renew, events } = merchant({
      hasNoCertificates: true,
      merchantNotAfterMs: nowMs + 10 * DAY,
    });
    plan.add(context);
    const end = nowMs + 12 * DAY;
    while (nowMs < end) await tick();
    expect(renew).not.toHaveBeenCalled();
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'expiring').length).toBeGreaterThanOrEqual(10);
    expect(types.slice(types.indexOf('expired'))).toContain('expired');
    expect(types.slice(types.indexOf('expired'))).not.toContain('expiring');
  });

  it('renews no merchant that nobody has used yet, when it is told so', async () => {
    const { context, certificates, renew, publish } = merchant({});
    plan.add(context, { isLazy: true });
    expect(timer.run).toBeUndefined();
    certificates.keyRing = new PlatformKeyRing([], nowMs);
    publish({ type: 'renewed', source: 'platform', added: [], dropped: [] });
    const end = nowMs + 6 * HOUR;
    while (nowMs < end) await tick();
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it('says once a day that a certificate of the platform expires, and nothing of an older one beside it', async () => {
    const { context, events } = merchant({ notAfterMs: nowMs + 20 * DAY, signedAtMs: nowMs });
    plan.add(context);
    const end = nowMs + 3 * DAY;
    while (nowMs < end) await tick();
    expect([3, 4]).toContain(events.length); // a little under a day apart
    expect(events[0]).toEqual({
      type: 'expiring',
      owner: 'platform',
      serial: '0E3A0001',
      notAfterMs: Date.UTC(2026, 0, 21),
    });
  });

  it('ends with the last merchant, and with the application', async () => {
    const { context, renew } = merchant({});
    plan.add(context);
    plan.remove(context);
    expect(timer.run).toBeUndefined();
    plan.add(context);
    plan.close();
    expect(timer.run).toBeUndefined();
    expect(renew).not.toHaveBeenCalled();
  });

  it('plans nothing more when it is closed while a renewal runs', async () => {
    const { context, renew } = merchant({});
    let end: (outcome: string) => void = () => undefined;
    renew.mockImplementation(() => new Promise((resolve) => (end = resolve)));
    plan.add(context);
    await tick();
    plan.close();
    end('renewed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(renew).toHaveBeenCalledTimes(1);
    expect(timer.run).toBeUndefined();
  });

  it('repeats a first download that failed after a minute, and then after two and four', async () => {
    for (const isLazy of [true, false]) {
      const { context, fail, renew } = merchant({});
      plan.add(context, { isLazy });
      fail(); // at preload, or at the first use
      expect(timer.atMs - nowMs).toBe(45_000); // a minute, and what chance takes off
      renew.mockImplementation(async () => {
        fail();
        throw new Error('x');
      });
      for (const minutes of [1, 2, 4]) {
        expect(timer.atMs - nowMs).toBe(0.75 * minutes * MINUTE);
        await tick();
      }
      expect(renew).toHaveBeenCalledTimes(3);
      plan.remove(context);
    }
  });

  it('begins the period anew when somebody else has refreshed', async () => {
    const { context, certificates, renew, publish } = merchant({});
    plan.add(context);
    nowMs += 5 * HOUR;
    certificates.keyRing = new PlatformKeyRing([], nowMs);
    publish({ type: 'renewed', source: 'platform', added: [], dropped: [] });
    const end = nowMs + 6 * HOUR;
    while (timer.atMs < end) await tick();
    expect(renew).not.toHaveBeenCalled();
    await tick();
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it('renews soon what came from the store and is old', async () => {
    const { context, certificates, renew, publish } = merchant({});
    plan.add(context, { isLazy: true });
    certificates.keyRing = new PlatformKeyRing([], nowMs - 20 * HOUR);
    publish({ type: 'renewed', source: 'store', added: [], dropped: [] });
    const end = nowMs + MINUTE;
    while (nowMs < end) await tick();
    expect(renew).toHaveBeenCalledTimes(1);
  });

  it.each<[string, () => Parameters<typeof merchant>[0], KeyEventDetail | undefined]>([
    ['was given as values', () => ({ merchantNotAfterMs: nowMs + DAY }), undefined],
    [
      'was loaded',
      () => ({ merchantNotAfterMs: nowMs + DAY, usesCertificates: false }),
      { type: 'loaded', serial: '0ABC' },
    ],
    [
      'was replaced',
      () => ({ merchantNotAfterMs: nowMs + DAY }),
      { type: 'rotated', serial: '0ABC', previousSerial: '0', hasNewApiV3Key: false },
    ],
    [
      'was listed by the platform',
      () => ({ notAfterMs: nowMs + DAY, signedAtMs: nowMs }),
      { type: 'renewed', source: 'platform', added: [], dropped: [] },
    ],
  ])('says within a minute that what %s expires', async (_, facts, event) => {
    const before = event ? {} : facts(); // when it is added
    const { context, certificates, events, publish } = merchant(before);
    plan.add(context, { isLazy: true });
    const { context: after } = merchant(facts());
    Object.assign(certificates, { keyRing: after.certificates.keyRing });
    Object.assign(context.credentials, { credential: after.credentials.credential });
    if (event) publish(event);
    const end = nowMs + MINUTE;
    while (timer.atMs <= end) await tick();
    expect(events.filter(({ type }) => type === 'expiring')).toHaveLength(1);
  });

  it('hears nothing more of a merchant that has left, or when it is closed', () => {
    const [gone, last] = [merchant({}), merchant({})];
    plan.add(gone.context);
    plan.add(last.context);
    plan.remove(gone.context);
    expect(gone.events$.observed).toBe(false);
    plan.close();
    expect(last.events$.observed).toBe(false);
  });

  it('plans a handful of timers when ten thousand merchants fail, and nothing grows with their square', async () => {
    let random = 1;
    plan = new RenewalPlan({
      timer,
      clock: () => nowMs,
      random: () => (random = (random * 16_807) % 2_147_483_647) / 2_147_483_647,
    });
    const all = Array.from({ length: 10_000 }, () => merchant({}));
    for (const { context } of all) plan.add(context, { isLazy: true });
    expect(timer.plans).toBe(0);
    const began = performance.now();
    for (const { fail } of all) fail();
    expect(timer.plans).toBeLessThan(50);
    for (const { renew } of all) renew.mockResolvedValue('young');
    const end = nowMs + 2 * MINUTE;
    while (nowMs < end && all.some(({ renew }) => renew.mock.calls.length === 0)) {
      nowMs += 1_000;
      timer.run?.();
      for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
    }
    expect(all.every(({ renew }) => renew.mock.calls.length > 0)).toBe(true);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('serves ten thousand merchants with one timer, at most eight at a time', async () => {
    let running = 0;
    let most = 0;
    const all = Array.from({ length: 10_000 }, () => merchant({}));
    for (const { context, renew } of all) {
      renew.mockImplementation(async () => {
        most = Math.max(most, ++running);
        await Promise.resolve();
        running -= 1;
        return 'renewed';
      });
      plan.add(context);
    }
    await tick();
    for (
      let turn = 0;
      turn < 1000 && all.some(({ renew }) => renew.mock.calls.length === 0);
      turn++
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(all.every(({ renew }) => renew.mock.calls.length === 1)).toBe(true);
    expect(most).toBe(8);
  });
});
