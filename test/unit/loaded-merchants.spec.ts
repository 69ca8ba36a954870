import { describe, expect, it } from '@jest/globals';
import type { MerchantContext } from '../../lib/context/index.js';
import { LoadedMerchants } from '../../lib/context/loaded-merchants.js';

interface Stand {
  readonly name: string;
  isBusy: boolean;
}
const merchant = (name: string): Stand & MerchantContext =>
  ({ name, isBusy: false }) as Stand & MerchantContext;

describe('merchants that may be unloaded', () => {
  const filled = (...names: string[]): LoadedMerchants => {
    const loaded = new LoadedMerchants();
    for (const name of names) loaded.add(merchant(name));
    return loaded;
  };
  const drained = (loaded: LoadedMerchants): string[] => {
    const names: string[] = [];
    for (let next = loaded.takeIdle(); next; next = loaded.takeIdle()) names.push(next.name);
    return names;
  };

  it('go in the order in which they came, when none was used', () => {
    expect(drained(filled('a', 'b', 'c'))).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['a', ['b', 'c', 'a']],
    ['b', ['a', 'c', 'b']],
    ['c', ['a', 'b', 'c']],
    ['nobody', ['a', 'b', 'c']],
  ])('go last when they were used last: %s', (name, order) => {
    const loaded = filled('a', 'b', 'c');
    expect(loaded.use(name)?.name).toBe(name === 'nobody' ? undefined : name);
    expect(drained(loaded)).toEqual(order);
    expect(loaded.size).toBe(0);
  });

  it.each(['a', 'b', 'c', 'nobody'])('leave the order of the others as it is: %s', (name) => {
    const loaded = filled('a', 'b', 'c');
    loaded.delete(name);
    expect(loaded.use(name)).toBeUndefined();
    expect(drained(loaded)).toEqual(['a', 'b', 'c'].filter((other) => other !== name));
  });

  it('are there once, however often they come', () => {
    const loaded = filled('a', 'b', 'a');
    expect(loaded.size).toBe(2);
    expect(drained(loaded)).toEqual(['b', 'a']);
  });

  it('stay while they are busy, as if they were used just now', () => {
    const [a, b, c] = [merchant('a'), merchant('b'), merchant('c')] as const;
    const loaded = new LoadedMerchants();
    for (const each of [a, b, c]) loaded.add(each);
    a.isBusy = true;
    expect(loaded.takeIdle()).toBe(b);
    for (const each of [a, c]) each.isBusy = true;
    expect(loaded.takeIdle()).toBeUndefined();
    for (const each of [a, c]) each.isBusy = false;
    expect(drained(loaded)).toEqual(['c', 'a']);
  });

  it('keep the order of their last use through whatever happens', () => {
    const loaded = new LoadedMerchants();
    let order: string[] = [];
    let state = 1;
    const next = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let step = 0; step < 5_000; step += 1) {
      const name = `m${next(12)}`;
      const others = order.filter((other) => other !== name);
      const kind = next(4);
      if (kind === 0) loaded.add(merchant(name));
      if (kind === 1) loaded.delete(name);
      if (kind === 2) loaded.use(name);
      if (kind === 3) expect(loaded.takeIdle()?.name).toBe(order[0]);
      const isHeld = others.length < order.length;
      if (kind === 0 || (kind === 2 && isHeld)) order = [...others, name];
      if (kind === 1) order = others;
      if (kind === 3) order = order.slice(1);
      expect(loaded.size).toBe(order.length);
    }
    expect(drained(loaded)).toEqual(order);
  });
});
