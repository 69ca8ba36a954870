import { describe, expect, it } from '@jest/globals';
import { planPosts, type PlanSettings } from '../../emulator/lib/notifications/post-plan.js';

const usual: PlanSettings = { delayMs: 0, spreadMs: 0, shuffle: false, seed: 1 };

describe('A plan of posts', () => {
  const plan = (copies: readonly number[], settings: Partial<PlanSettings> = {}) => [
    ...planPosts(copies, { ...usual, ...settings }),
  ];
  const indexes = (...args: Parameters<typeof plan>) => plan(...args).map(({ index }) => index);

  it('is event after event, copy after copy, all at once', () => {
    expect(plan([1, 3, 0, 2]).map(({ afterMs }) => afterMs)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(indexes([1, 3, 0, 2])).toEqual([0, 1, 1, 1, 3, 3]);
  });

  it('has the second copies after all first ones when there is time between them', () => {
    expect(plan([2, 3], { delayMs: 10 })).toEqual([
      { index: 0, afterMs: 0 },
      { index: 1, afterMs: 0 },
      { index: 0, afterMs: 10 },
      { index: 1, afterMs: 10 },
      { index: 1, afterMs: 20 },
    ]);
  });

  it('adds to each time up to the spread, and stays in the order of time', () => {
    const times = plan(Array(1000).fill(1), { spreadMs: 100 }).map(({ afterMs }) => afterMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.every((time) => time >= 0 && time < 100)).toBe(true);
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    expect(Math.abs(mean - 50)).toBeLessThan(5);
  });

  it('holds every post once in whatever order', () => {
    const copies = Array.from({ length: 50 }, (_, index) => index % 4);
    const shuffled = indexes(copies, { shuffle: true });
    expect(shuffled).not.toEqual(indexes(copies));
    expect([...shuffled].sort((a, b) => a - b)).toEqual(indexes(copies));
  });

  it.each([0, 1, 2, 4_294_967_295])('follows from the seed %d alone', (seed) => {
    const copies = Array(30).fill(1);
    const one = indexes(copies, { shuffle: true, seed });
    expect(indexes(copies, { shuffle: true, seed })).toEqual(one);
    expect(indexes(copies, { shuffle: true, seed: seed === 7 ? 8 : 7 })).not.toEqual(one);
  });

  it('prefers no order: each event is as often in each place', () => {
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    for (let seed = 0; seed < 4000; seed += 1) {
      indexes([1, 1, 1, 1], { shuffle: true, seed }).forEach((index, place) => {
        const row = counts[place] ?? [];
        row[index] = (row[index] ?? 0) + 1;
      });
    }
    for (const count of counts.flat()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});
