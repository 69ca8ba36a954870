import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LEASE_MS, PlatformKeyRing, type PlatformKey } from '../../lib/certificates/index.js';
import { RenewalPlan, type MerchantContext } from '../../lib/context/index.js';
import type { KeyEventDetail } from '../../lib/events/index.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The one timer, fired by hand. */
class TestTimer {
  run: (() => void) | undefined;
  atMs = Number.NaN;
  constructor(private readonly now: () => number) {}
  plan(run: () => void, delayMs: number): void {
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
    const renew = jest.fn((_minAgeMs: number) =>
      outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
    );
    const context = {
      certificates: {
        usesCertificates: facts.usesCertificates ?? true,
        status: {
          hasNoCertificates: facts.hasNoCertificates ?? false,
          failures: facts.failures ?? 0,
        },
        keyRing: new PlatformKeyRing(keys, facts.signedAtMs ?? 0),
        renew,
      },
      credentials: {
        credential: facts.merchantNotAfterMs
          ? { serialNo: '0ABC', notAfterMs: facts.merchantNotAfterMs }
          : undefined,
      },
      renewal: {},
      keyEvents: { publish: (detail: KeyEventDetail) => events.push(detail) },
    } as unknown as MerchantContext;
    return { context, renew, events };
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
    const { context } = merchant({ outcome: 'young', signedAtMs: Date.UTC(2026, 0, 1) + 4 * HOUR });
    plan.add(context);
    await tick(); // six hours after the start
    expect(timer.atMs - nowMs).toBe(4 * HOUR);
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
    for (let days = 0; days < 12; days += 0.25) await tick();
    expect(renew).not.toHaveBeenCalled();
    expect(events.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 11 }, () => 'expiring'),
      ...Array.from({ length: events.length - 11 }, () => 'expired'),
    ]);
    expect(events.length).toBeGreaterThanOrEqual(12);
  });

  it('renews no merchant that nobody has used yet, when it is told so', async () => {
    const { context, renew } = merchant({});
    plan.add(context, { isLazy: true });
    await tick();
    expect(renew).not.toHaveBeenCalled();
    const used = merchant({ signedAtMs: nowMs });
    plan.add(used.context, { isLazy: true });
    await tick();
    await tick();
    expect(used.renew).toHaveBeenCalled();
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
