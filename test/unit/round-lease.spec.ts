import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RoundLease, type RoundLeaseParts } from '../../lib/reconcile/round-lease.js';

const SLICE = 54_000;
const MINUTE = 60_000;

/** The leases of a store that all processes share: they end by themselves and in no other way. */
class Leases {
  readonly keys: string[] = [];
  readonly #untilMs = new Map<string, number>();

  readonly tryLease = async (key: string, ttlMs: number): Promise<boolean> => {
    this.keys.push(key);
    if ((this.#untilMs.get(key) ?? 0) > Date.now()) return false;
    this.#untilMs.set(key, Date.now() + ttlMs);
    return true;
  };
}

describe('the lease of a round', () => {
  const taken: RoundLease[] = [];
  let leases: Leases;

  beforeEach(() => {
    jest.useFakeTimers({ now: 100 * SLICE });
    leases = new Leases();
  });
  afterEach(() => {
    for (const lease of taken.splice(0)) lease.end();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  async function take(
    tryLease: RoundLeaseParts['tryLease'] = leases.tryLease,
    name = 'r',
  ): Promise<RoundLease | undefined> {
    const lease = await RoundLease.take({ tryLease, name, sliceMs: SLICE });
    if (lease) taken.push(lease);
    return lease;
  }
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('is one process’s, and the next one’s in the next slice of time', async () => {
    const first = await take();
    expect(first?.isLost).toBe(false);
    await expect(take()).resolves.toBeUndefined();
    await expect(take(undefined, 'other')).resolves.toBeDefined();
    first?.end();
    await pass(SLICE - 1);
    await expect(take()).resolves.toBeUndefined();
    await pass(1);
    await expect(take()).resolves.toBeDefined();
  });

  it('is held for as long as the round takes, slice by slice', async () => {
    const first = await take();
    for (let second = 0; second < 20 * 60; second += 1) {
      await pass(1_000);
      first?.moved();
      await expect(take()).resolves.toBeUndefined();
    }
    expect(first?.isLost).toBe(false);
    expect(new Set(leases.keys).size).toBeLessThanOrEqual(8);
  });

  it('keeps its holder from no later round', async () => {
    for (let round = 0; round < 30; round += 1) {
      const lease = await take();
      expect(lease).toBeDefined();
      await pass(round * 7_001); // some end just after the next slice was taken
      lease?.moved();
      lease?.end();
      await pass(SLICE / 0.9);
    }
  });

  it('is another process’s at the next slice when its holder has died', async () => {
    const dead = await take();
    dead?.end();
    await pass(SLICE);
    const other = await take();
    expect(other).toBeDefined();
    await pass(SLICE);
    expect(other?.isLost).toBe(false);
  });

  it('is lost when somebody whose clock is ahead has the next slice', async () => {
    const first = await take();
    const slice = Math.floor(Date.now() / SLICE) + 1;
    await leases.tryLease(`r:${slice % 8}`, 2 * SLICE);
    expect(first?.isLost).toBe(false);
    await pass(SLICE);
    expect(first?.isLost).toBe(true);
  });

  it('is lost when it has ended, as after a pause of the whole process', async () => {
    const first = await take();
    jest.setSystemTime(Date.now() + 1.5 * SLICE); // no timer has run
    expect(first?.isLost).toBe(true);
    const other = await take();
    await pass(2 * SLICE);
    expect([first?.isLost, other?.isLost]).toEqual([true, false]);
  });

  it('is given up by work that has not gone on for ten minutes', async () => {
    const stuck = await take();
    await pass(10 * MINUTE - SLICE);
    expect(stuck?.isLost).toBe(false);
    await pass(2 * SLICE);
    expect(stuck?.isLost).toBe(true);
    await pass(SLICE);
    await expect(take()).resolves.toBeDefined();
  });

  it('is everybody’s while nobody knows', async () => {
    const unknown = () => Promise.resolve(undefined);
    const [first, second] = [await take(unknown), await take(unknown)];
    await pass(3 * SLICE);
    expect([first?.isLost, second?.isLost]).toEqual([false, false]);
  });

  it('takes no further slice once it has ended, also while it asks for one', async () => {
    let answer: (isTaken: boolean) => void = () => undefined;
    let count = 0;
    const slow = () => {
      count += 1;
      return count === 1
        ? Promise.resolve(true)
        : new Promise<boolean>((resolve) => (answer = resolve));
    };
    const lease = await take(slow);
    await pass(SLICE);
    expect(count).toBe(2);
    lease?.end();
    answer(true);
    await pass(5 * SLICE);
    expect(count).toBe(2);
  });
});
