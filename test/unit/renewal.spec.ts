import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextRenewalMs, RENEWAL, type RenewalOptions } from '../../lib/certificates/index.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);
const random = fc.double({ min: 0, max: 1, noNaN: true });
const farExpiry = fc.option(fc.integer({ min: NOW + 30 * DAY, max: NOW + 3650 * DAY }), {
  nil: undefined,
});
const nearExpiry = fc.integer({ min: NOW - 30 * DAY, max: NOW + 30 * DAY - 1 });

const next = (
  options: RenewalOptions,
  state: { failures?: number; lastExpiryMs?: number | undefined; random: number },
): number => nextRenewalMs(options, { nowMs: NOW, failures: 0, lastExpiryMs: undefined, ...state });

describe('the time to the next renewal', () => {
  it('is between 6 and 10 hours by default', () => {
    fc.assert(
      fc.property(random, farExpiry, (jitter, lastExpiryMs) => {
        const delay = next({}, { random: jitter, lastExpiryMs });
        expect(delay).toBeGreaterThanOrEqual(6 * HOUR);
        expect(delay).toBeLessThanOrEqual(10 * HOUR);
      }),
    );
    expect([next({}, { random: 0 }), next({}, { random: 1 })]).toEqual([6 * HOUR, 10 * HOUR]);
  });

  it('is the interval given, with a tenth of jitter either way', () => {
    const everyMs = fc.integer({ min: RENEWAL.minEveryMs, max: RENEWAL.maxEveryMs });
    fc.assert(
      fc.property(everyMs, random, farExpiry, (interval, jitter, lastExpiryMs) => {
        const delay = next({ everyMs: interval }, { random: jitter, lastExpiryMs });
        expect(Math.abs(delay - interval)).toBeLessThanOrEqual(interval / 10 + 1);
      }),
    );
    expect(next({ everyMs: 10 * HOUR }, { random: 0 })).toBe(9 * HOUR);
    expect(next({ everyMs: 10 * HOUR }, { random: 1 })).toBe(11 * HOUR);
  });

  it('is about an hour when the last certificate expires within 30 days, or has expired', () => {
    fc.assert(
      fc.property(nearExpiry, random, (lastExpiryMs, jitter) => {
        const delay = next({}, { lastExpiryMs, random: jitter });
        expect(delay).toBeGreaterThanOrEqual(0.9 * HOUR);
        expect(delay).toBeLessThanOrEqual(1.1 * HOUR);
      }),
    );
  });

  it('follows renewBeforeMs to the millisecond', () => {
    const lastExpiryMs = NOW + 5 * DAY;
    const at = (renewBeforeMs: number): number =>
      next({ renewBeforeMs }, { lastExpiryMs, random: 0.5 });
    expect(at(5 * DAY)).toBe(8 * HOUR);
    expect(at(5 * DAY + 1)).toBe(HOUR);
    expect(at(0)).toBe(8 * HOUR);
  });

  it('is never later near the expiry than an interval that is shorter anyway', () => {
    const delay = next({ everyMs: 60_000 }, { lastExpiryMs: NOW, random: 0.5 });
    expect(delay).toBe(60_000);
  });

  it('is a minute after a failure, then twice as long each time, up to the interval', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50, 5000].map((failures) =>
      next({}, { failures, random: 0.5 }),
    );
    const minutes = delays.map((delay) => delay / 60_000);
    expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480, 480]);
  });

  it('after a failure has a quarter of jitter, and is never later than without it', () => {
    const failures = fc.integer({ min: 1, max: 10_000 });
    const lastExpiryMs = fc.oneof(nearExpiry, farExpiry);
    fc.assert(
      fc.property(failures, lastExpiryMs, random, (count, expiry, jitter) => {
        const state = { lastExpiryMs: expiry, random: jitter };
        const delay = next({}, { ...state, failures: count });
        expect(delay).toBeGreaterThanOrEqual(0.75 * RENEWAL.firstRetryMs);
        expect(delay).toBeLessThanOrEqual(next({}, state));
        expect(Number.isInteger(delay)).toBe(true);
      }),
    );
    expect(next({}, { failures: 1, random: 0 })).toBe(45_000);
    expect(next({}, { failures: 1, random: 1 })).toBe(75_000);
  });

  it('by cron is within half a minute of it: not everywhere in the same second', () => {
    const cron = '0 0 * * * *'; // NOW is a full hour
    expect(next({ cron }, { random: 0 })).toBe(HOUR);
    expect(next({ cron }, { random: 1 })).toBe(HOUR + 30_000);
    expect(next({ cron }, { random: 0.5 })).toBe(HOUR + 15_000);
  });

  it('always fits a timer', () => {
    const options = fc.record({
      everyMs: fc.option(fc.integer({ min: RENEWAL.minEveryMs, max: RENEWAL.maxEveryMs }), {
        nil: undefined,
      }),
      renewBeforeMs: fc.option(fc.integer({ min: 0, max: 365 * DAY }), { nil: undefined }),
    });
    const state = fc.record({
      failures: fc.nat(),
      lastExpiryMs: fc.oneof(nearExpiry, farExpiry),
      random,
    });
    fc.assert(
      fc.property(options, state, (given, known) => {
        const delay = next(given, known);
        expect(delay).toBeGreaterThanOrEqual(45_000);
        expect(delay).toBeLessThan(2 ** 31);
      }),
    );
  });
});
