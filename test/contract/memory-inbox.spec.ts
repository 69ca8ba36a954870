import { describe, expect, it } from '@jest/globals';
import { MemoryNotificationInbox } from 'nestjs-wechatpay';
import { claimed, describeNotificationInbox, stateOf } from './notification-inbox.js';

const TEN_MINUTES = 600_000;
const TWO_DAYS = 48 * 3_600_000;

describe('an inbox in memory', () => {
  let nowMs = 0;
  const fresh = (maxEntries?: number) => new MemoryNotificationInbox({ maxEntries }, () => nowMs);
  let inbox = fresh();

  describeNotificationInbox(() =>
    Promise.resolve({
      open: () => inbox,
      reset: () => {
        inbox = fresh();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
      pass: (ms: number) => {
        nowMs += ms;
        return Promise.resolve();
      },
      times: { leaseMs: TEN_MINUTES, longestRunMs: TEN_MINUTES },
      isShared: false,
    }),
  );

  it('remembers what is done for two days, longer than the platform repeats it', async () => {
    await (await claimed(inbox)).done();
    nowMs += TWO_DAYS - 1;
    await expect(stateOf(inbox)).resolves.toBe('done');
    nowMs += 1;
    await expect(stateOf(inbox)).resolves.toBe('claimed');
  });

  it('forgets what is done longest when it is full, and never what runs', async () => {
    const small = fresh(3);
    await claimed(small, 'running');
    await (await claimed(small, 'first')).done();
    await (await claimed(small, 'second')).done();
    await claimed(small, 'third');
    expect(small.size).toBe(3);
    await expect(stateOf(small, 'second')).resolves.toBe('done');
    await claimed(small, 'first');
    expect(() => small.claim('more')).toThrow('full of handlers that are running');
    await expect(stateOf(small, 'running')).resolves.toBe('running');
    nowMs += TEN_MINUTES;
    await expect(stateOf(small, 'more')).resolves.toBe('claimed');
  });

  it('gives up what is over as new events come', async () => {
    const small = fresh();
    for (let at = 0; at < 100; at += 1) await (await claimed(small, `old-${at}`)).done();
    nowMs += TWO_DAYS;
    for (let at = 0; at < 100; at += 1) await claimed(small, `new-${at}`);
    expect(small.size).toBe(100);
  });

  it('counts an event that is done again as done last', async () => {
    const small = fresh(5);
    for (const key of ['one', 'two', 'again', 'old']) await (await claimed(small, key)).done();
    nowMs += TWO_DAYS;
    await (await claimed(small, 'again')).done();
    for (const key of ['a', 'b', 'c', 'd']) await claimed(small, key);
    await expect(stateOf(small, 'again')).resolves.toBe('done');
  });

  it('keeps what is done when the one who had it before gives up late', async () => {
    const own = fresh();
    const slow = await claimed(own);
    nowMs += TEN_MINUTES;
    await (await claimed(own)).done();
    await slow.release();
    await expect(stateOf(own)).resolves.toBe('done');
    await slow.done();
    expect(own.size).toBe(1);
  });

  it.each([0, -1, 1.5, NaN, 10_000_001])('refuses a bound of %d', (maxEntries) => {
    expect(() => new MemoryNotificationInbox({ maxEntries })).toThrow(RangeError);
  });
});
