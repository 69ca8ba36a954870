import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DueQueue } from '../../lib/context/due-queue.js';

describe('a queue by due time', () => {
  it('gives what is due in order, whatever was moved and taken out before', () => {
    const change = fc.record({
      item: fc.integer({ min: 0, max: 20 }),
      atMs: fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: Number.POSITIVE_INFINITY }),
      isDeleted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const queue = new DueQueue<number>();
        const model = new Map<number, number>();
        for (const { item, atMs, isDeleted } of changes) {
          if (isDeleted || atMs === Number.POSITIVE_INFINITY) model.delete(item);
          else model.set(item, atMs);
          if (isDeleted) queue.delete(item);
          else queue.set(item, atMs);
          expect(queue.soonestMs).toBe(Math.min(...model.values()));
        }
        const times = [...model.values()].sort((one, other) => one - other);
        for (const atMs of times) {
          expect(queue.takeDue(atMs - 1)).toBeUndefined();
          expect(model.get(queue.takeDue(atMs) as number)).toBe(atMs);
        }
        expect(queue.takeDue(Number.POSITIVE_INFINITY)).toBeUndefined();
      }),
    );
  });

  it('is empty when it was cleared', () => {
    const queue = new DueQueue<string>();
    queue.set('a', 1);
    queue.clear();
    queue.set('b', 2);
    expect(queue.takeDue(9)).toBe('b');
    expect(queue.takeDue(9)).toBeUndefined();
  });
});
