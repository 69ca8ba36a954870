import { describe, expect, it } from '@jest/globals';
import { AskSchedule } from '../../lib/reconcile/ask-schedule.js';

const SECOND = 1_000;
const DAY = 86_400_000;

/** The times at which an order is asked about, looked at every second. */
function times(untilMs: number, createdAtMs?: number, schedule = new AskSchedule(10, () => 0.5)) {
  const asked: number[] = [];
  for (let now = 0; now <= untilMs; now += SECOND) {
    schedule.begin();
    if (schedule.isDue('a', now, createdAtMs)) asked.push(now / SECOND);
    schedule.end();
  }
  return asked;
}

describe('the times at which an order is asked about', () => {
  it('grow as its age doubles', () => {
    expect(times(2_000 * SECOND)).toEqual([0, 30, 60, 120, 240, 480, 960, 1920]);
  });

  it('count from when it was placed, if that is known', () => {
    expect(times(2_000 * SECOND, -600 * SECOND)).toEqual([0, 600, 1800]);
    expect(times(100 * SECOND, Number.MAX_SAFE_INTEGER)).toEqual([0, 30, 60]);
  });

  it('are at most a day apart', () => {
    const schedule = new AskSchedule(10, () => 0.5);
    schedule.begin();
    expect(schedule.isDue('a', 0, -100 * DAY)).toBe(true);
    expect(schedule.isDue('a', DAY - 1)).toBe(false);
    expect(schedule.isDue('a', DAY)).toBe(true);
  });

  it('are spread by a tenth in either direction', () => {
    for (const [random, at] of [
      [0, 27],
      [1, 33],
    ] as const) {
      const schedule = new AskSchedule(10, () => random);
      expect(times(33 * SECOND, undefined, schedule)).toEqual([0, at]);
    }
  });

  it('come soon again without an answer, in pauses that double, and never later than with one', () => {
    const schedule = new AskSchedule(10, () => 0.5);
    const asked: number[] = [];
    const answers = [true, false, false, false, false];
    for (let now = 0; now <= 10_000 * SECOND; now += SECOND) {
      schedule.begin();
      if (schedule.isDue('a', now, -1_000 * SECOND)) {
        asked.push(now / SECOND);
        schedule.answered('a', now, answers.pop() ?? true);
      }
      schedule.end();
    }
    expect(asked).toEqual([0, 30, 90, 210, 450, 1900, 4800]);
    schedule.answered('forgotten', 0, false);
    const young = new AskSchedule(10, () => 0.5);
    expect(young.isDue('a', 0)).toBe(true);
    for (let failures = 0; failures < 50; failures += 1) young.answered('a', 0, false);
    expect(young.isDue('a', 30 * SECOND)).toBe(true);
  });

  it('are forgotten with an order that is settled', () => {
    const schedule = new AskSchedule(10, () => 0.5);
    schedule.begin();
    expect(schedule.isDue('a', 0)).toBe(true);
    schedule.end();
    schedule.begin();
    schedule.end();
    expect(schedule.size).toBe(0);
    expect(schedule.isDue('a', 1)).toBe(true);
  });

  it('are remembered of so many orders and no more', () => {
    const schedule = new AskSchedule(2, () => 0.5);
    schedule.begin();
    for (const key of ['a', 'b', 'c']) expect(schedule.isDue(key, 0)).toBe(true);
    expect(schedule.size).toBe(2);
    expect(schedule.isDue('a', 1)).toBe(false);
    expect(schedule.isDue('c', 1)).toBe(true);
  });
});
