import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { addDays, chinaDate, chinaDay } from '../../lib/reconcile/china-day.js';
import { DailyTurns, type DailyWork } from '../../lib/reconcile/daily-turns.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const china = (time: string) => Date.parse(`${time}+08:00`);

/** The leases of a store that all processes share. */
class Leases {
  readonly #untilMs = new Map<string, number>();

  readonly tryLease = async (key: string, ttlMs: number): Promise<boolean> => {
    if ((this.#untilMs.get(key) ?? 0) > Date.now()) return false;
    this.#untilMs.set(key, Date.now() + ttlMs);
    return true;
  };
}

describe('what is done once a day', () => {
  const made: DailyTurns[] = [];
  let log: string[];

  beforeEach(() => {
    jest.useFakeTimers({ now: china('2026-03-10T08:00:00') });
    log = [];
  });
  afterEach(() => {
    for (const turns of made.splice(0)) turns.end();
    jest.useRealTimers();
  });

  /** A process that writes down when it works on which day. */
  function process(name: string, work: Partial<DailyWork> = {}): DailyTurns {
    const turns = new DailyTurns({
      at: '10:30',
      delayMs: 0,
      tryLease: () => Promise.resolve(undefined),
      failed: (date, error, isLast) =>
        log.push(`${name} failed ${date} ${String(error)}${isLast ? ' at last' : ''}`),
      ...work,
      run: async (date) => {
        const time = new Date(Date.now() + 8 * HOUR).toISOString().slice(5, 16);
        log.push(`${name} ${time} ${date}`);
        await work.run?.(date);
      },
    });
    made.push(turns);
    turns.start();
    return turns;
  }
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('is done at its time, about the day before', async () => {
    process('a', { delayMs: 5 * MINUTE });
    await pass(3 * 24 * HOUR);
    expect(log).toEqual([
      'a 03-10T10:35 2026-03-09',
      'a 03-11T10:35 2026-03-10',
      'a 03-12T10:35 2026-03-11',
    ]);
  });

  it('is done at the next half hour by a process that comes later, and not at all too late', async () => {
    await pass(2.5 * HOUR + MINUTE);
    process('late');
    await pass(HOUR);
    expect(log).toEqual(['late 03-10T11:00 2026-03-09']);
    await pass(5 * HOUR);
    process('too late');
    await pass(20 * HOUR);
    expect(log.slice(1).sort()).toEqual([
      'late 03-11T10:30 2026-03-10',
      'too late 03-11T10:30 2026-03-10',
    ]);
  });

  it('is tried eight times more, and said to have failed at last', async () => {
    process('a', { run: () => Promise.reject(new Error('no')) });
    await pass(20 * HOUR);
    const times = ['10:30', '11:00', '11:30', '12:00', '12:30', '13:00', '13:30', '14:00', '14:30'];
    expect(log).toEqual(
      times.flatMap((time, at) => [
        `a 03-10T${time} 2026-03-09`,
        `a failed 2026-03-09 Error: no${at === 8 ? ' at last' : ''}`,
      ]),
    );
  });

  it('is not tried again once it is done', async () => {
    let count = 0;
    const run = () => ((count += 1) < 3 ? Promise.reject(new Error('no')) : Promise.resolve());
    process('a', { run });
    await pass(20 * HOUR);
    expect(log.filter((line) => !line.includes('failed'))).toEqual([
      'a 03-10T10:30 2026-03-09',
      'a 03-10T11:00 2026-03-09',
      'a 03-10T11:30 2026-03-09',
    ]);
  });

  it('is done by one of the processes that share a store', async () => {
    const { tryLease } = new Leases();
    process('a', { tryLease, delayMs: 3 * MINUTE });
    process('b', { tryLease, delayMs: 9 * MINUTE });
    process('c', { tryLease, delayMs: MINUTE });
    await pass(2 * 24 * HOUR);
    expect(log).toEqual(['c 03-10T10:31 2026-03-09', 'c 03-11T10:31 2026-03-10']);
  });

  it('is tried again by one of them, and fails at last for one', async () => {
    const { tryLease } = new Leases();
    const run = () => Promise.reject(new Error('no'));
    for (const name of ['a', 'b', 'c']) process(name, { tryLease, run });
    await pass(20 * HOUR);
    expect(log.filter((line) => !line.includes('failed'))).toHaveLength(9);
    expect(log.filter((line) => line.includes('at last'))).toHaveLength(1);
  });

  it('is not begun again while it goes on', async () => {
    const { tryLease } = new Leases();
    const run = () => new Promise<void>((resolve) => setTimeout(resolve, 50 * MINUTE));
    process('a', { tryLease, run });
    process('b', { tryLease, run, delayMs: 5 * MINUTE });
    await pass(20 * HOUR);
    expect(log).toEqual(['a 03-10T10:30 2026-03-09']);
  });

  it('is done by another process when the first one dies over it', async () => {
    const { tryLease } = new Leases();
    const dying = process('a', { tryLease, run: () => new Promise(() => undefined) });
    process('b', { tryLease, delayMs: 5 * MINUTE });
    await pass(3 * HOUR);
    dying.end();
    await pass(17 * HOUR);
    expect(log).toEqual(['a 03-10T10:30 2026-03-09', 'b 03-10T11:35 2026-03-09']);
  });

  it('ends, also while it asks for its turn', async () => {
    const turns = process('a', {
      tryLease: async () => {
        turns.end();
        return true;
      },
    });
    await pass(3 * 24 * HOUR);
    turns.start();
    expect(log).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a day in China', () => {
  it('begins at its midnight', () => {
    expect(chinaDay('2026-03-10')).toEqual({
      date: '2026-03-10',
      from: new Date('2026-03-09T16:00:00Z'),
      to: new Date('2026-03-10T16:00:00Z'),
    });
    expect(chinaDate(china('2026-03-10T00:00:00'))).toBe('2026-03-10');
    expect(chinaDate(china('2026-03-10T00:00:00') - 1)).toBe('2026-03-09');
    expect([addDays('2026-02-28', 1), addDays('2024-03-01', -1)]).toEqual([
      '2026-03-01',
      '2024-02-29',
    ]);
  });

  it.each([
    '2026-02-29',
    '2026-13-01',
    '2026-00-10',
    '26-01-01',
    '2026-1-1',
    '',
    '2026-03-10T00',
    5,
  ])('is not %j', (date) => expect(chinaDay(date as string)).toBeUndefined());
});
