import { describe, expect, it } from '@jest/globals';
import { RetryBudget } from '../../../lib/transport/index.js';

describe('the retry budget of a process', () => {
  let nowMs = 0;
  const create = (): RetryBudget => new RetryBudget(() => nowMs);
  const spend = (budget: RetryBudget): number => {
    let taken = 0;
    while (budget.tryTake()) taken += 1;
    return taken;
  };

  it('begins with ten, so that a shop with few calls has them too', () => {
    expect(spend(create())).toBe(10);
  });

  it('grows by a fifth of the calls, and by no more than it holds', () => {
    const budget = create();
    spend(budget);
    for (let call = 0; call < 20; call += 1) budget.deposit();
    expect(spend(budget)).toBe(4);
    for (let call = 0; call < 10_000; call += 1) budget.deposit();
    expect(spend(budget)).toBe(10);
  });

  it('comes back with time: one in five seconds', () => {
    const budget = create();
    spend(budget);
    nowMs += 4_900;
    expect(budget.hasOne).toBe(false);
    nowMs += 100;
    expect(budget.hasOne).toBe(true);
    expect(spend(budget)).toBe(1);
    nowMs += 86_400_000;
    expect(spend(budget)).toBe(10);
  });

  it('keeps repetition at a fifth of the traffic on a bad day', () => {
    const budget = create();
    let repeated = 0;
    for (let call = 0; call < 1_000; call += 1) {
      budget.deposit();
      if (budget.tryTake()) repeated += 1;
      if (budget.tryTake()) repeated += 1;
    }
    expect(repeated).toBeGreaterThanOrEqual(200);
    expect(repeated).toBeLessThanOrEqual(210);
  });
});
