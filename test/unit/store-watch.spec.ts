import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  BoundedCalls,
  fieldKey,
  keyPrefix,
  pollEvery,
  watchByPolling,
} from '../../lib/certificates/index.js';
import { WechatPayStoreError } from '../../lib/errors/index.js';

describe('a watch by polling', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** A server whose changes and messages the test decides. */
  class Server {
    pending: string[] = [];
    failure: Error | undefined;
    polls = 0;
    listeners = 0;
    ended = 0;
    signal: AbortSignal | undefined;
    nudge: () => void = () => undefined;
    fail: (error: unknown) => void = () => undefined;
    readonly changes = watchByPolling({
      poll: (signal) => {
        this.polls += 1;
        this.signal = signal;
        if (this.failure) return Promise.reject(this.failure);
        return Promise.resolve(this.pending.splice(0));
      },
      listen: (nudge, fail) => {
        this.listeners += 1;
        this.nudge = nudge;
        this.fail = fail;
        return () => (this.ended += 1);
      },
      everyMs: 5_000,
    });
  }
  const watch = (server: Server) => {
    const found = { seen: [] as string[], errors: [] as unknown[] };
    const subscription = server.changes.subscribe({
      next: (mchid) => found.seen.push(mchid),
      error: (error: unknown) => found.errors.push(error),
    });
    return { ...found, subscription };
  };

  it('does nothing before it is subscribed to, and asks at once then', async () => {
    const server = new Server();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(server.polls).toBe(0);
    const { subscription } = watch(server);
    expect(server.polls).toBe(1);
    subscription.unsubscribe();
  });

  it('finds what no message told of within one interval', async () => {
    const server = new Server();
    const { seen, subscription } = watch(server);
    await jest.advanceTimersByTimeAsync(100);
    server.pending = ['1', '2'];
    await jest.advanceTimersByTimeAsync(5_000);
    expect(seen).toEqual(['1', '2']);
    subscription.unsubscribe();
  });

  it('asks soon after a message, and not once for each of a thousand', async () => {
    const server = new Server();
    const { seen, subscription } = watch(server);
    await jest.advanceTimersByTimeAsync(100);
    server.pending = ['1'];
    for (let message = 0; message < 1_000; message += 1) server.nudge();
    await jest.advanceTimersByTimeAsync(50);
    expect(seen).toEqual(['1']);
    expect(server.polls).toBeLessThanOrEqual(3);
    subscription.unsubscribe();
  });

  it('replaces a listener that told nothing of what a poll then found, and keeps one that did', async () => {
    const server = new Server();
    const { subscription } = watch(server);
    await jest.advanceTimersByTimeAsync(100);
    server.pending = ['1'];
    server.nudge();
    await jest.advanceTimersByTimeAsync(100);
    expect(server.listeners).toBe(1);
    server.pending = ['2'];
    await jest.advanceTimersByTimeAsync(5_000);
    expect([server.listeners, server.ended]).toEqual([2, 1]);
    subscription.unsubscribe();
    expect(server.ended).toBe(2);
  });

  it('breaks with what the poll or the listener broke with, ends everything, and can be subscribed to again', async () => {
    const server = new Server();
    const first = watch(server);
    await jest.advanceTimersByTimeAsync(100);
    server.failure = new WechatPayStoreError('down');
    await jest.advanceTimersByTimeAsync(5_100);
    expect(first.errors).toEqual([server.failure]);
    expect([server.listeners, server.ended]).toEqual([1, 1]);
    expect(jest.getTimerCount()).toBe(0);
    server.failure = undefined;
    server.pending = ['1'];
    const second = watch(server);
    await jest.advanceTimersByTimeAsync(100);
    expect(second.seen).toEqual(['1']);
    server.fail(new Error('cancelled'));
    expect(second.errors).toMatchObject([{ message: 'cancelled' }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells its next subscriber what a poll found that outlived the last one', async () => {
    const server = new Server();
    server.pending = ['1'];
    const { seen, subscription } = watch(server);
    subscription.unsubscribe(); // the first poll is still under way
    await jest.advanceTimersByTimeAsync(0);
    server.pending = ['2'];
    const next = watch(server);
    await jest.advanceTimersByTimeAsync(0);
    expect([seen, next.seen]).toEqual([[], ['1', '2']]);
    next.subscription.unsubscribe();
  });

  it('is one for all subscribers, and leaves no timer and no question behind', async () => {
    const server = new Server();
    const [one, other] = [watch(server), watch(server)];
    await jest.advanceTimersByTimeAsync(100);
    expect(server.listeners).toBe(1);
    one.subscription.unsubscribe();
    server.pending = ['1'];
    server.nudge();
    await jest.advanceTimersByTimeAsync(100);
    expect([one.seen, other.seen]).toEqual([[], ['1']]);
    other.subscription.unsubscribe();
    expect(server.signal?.aborted).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
    const { polls } = server;
    server.nudge();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(server.polls).toBe(polls);
  });

  it.each([0, 19, 60_001, Number.NaN])('is refused with an interval of %d ms', (ms) => {
    expect(() => pollEvery(ms)).toThrow(WechatPayStoreError);
  });
});

describe('the calls of a store', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const hang = () => new Promise<never>(() => undefined);

  it('are given up after two seconds', async () => {
    const late = new BoundedCalls('Redis').run(hang).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(2_000);
    await expect(late).resolves.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('Redis took longer than 2000 ms'),
    });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are no more than a bound: those given up count until their client settles them', async () => {
    const calls = new BoundedCalls('Redis', 2);
    const settle: (() => void)[] = [];
    const call = () => new Promise<void>((resolve) => settle.push(resolve));
    const late = [calls.run(call), calls.run(call)].map((each) => each.catch(() => 'late'));
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await Promise.all(late)).toEqual(['late', 'late']);
    await expect(calls.run(call)).rejects.toThrow('Redis left 2 calls unanswered');
    expect(settle).toHaveLength(2);
    settle[0]?.();
    await jest.advanceTimersByTimeAsync(0);
    expect(calls.underWay).toBe(1);
    await expect(calls.run(() => Promise.resolve('ok'))).resolves.toBe('ok');
  });

  it('fail with an error of the store, whether the client throws or rejects', async () => {
    const calls = new BoundedCalls('etcd');
    for (const call of [
      () => Promise.reject(new Error('refused')),
      () => {
        throw new TypeError('no such method');
      },
    ]) {
      await expect(calls.run(call)).rejects.toBeInstanceOf(WechatPayStoreError);
    }
    const own = new WechatPayStoreError('own');
    await expect(calls.run(() => Promise.reject(own))).rejects.toBe(own);
    expect(calls.underWay).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('the keys of a store', () => {
  it.each(['wechatpay', 'A', '0', 'shop-b:test/x.y_z', 'x'.repeat(64)])(
    'may begin with the prefix %j',
    (prefix) => {
      expect(keyPrefix(prefix)).toBe(prefix);
    },
  );

  it.each(['', ' ', '-a', 'a b', '{a}', 'a\n', '商店', 'x'.repeat(65), null, 7])(
    'refuse the prefix %j',
    (prefix) => {
      expect(() => keyPrefix(prefix as string)).toThrow(/^The prefix of a store is 1 to 64/);
    },
  );

  it.each(['', 'a b', 'a\n', '密钥', 'x'.repeat(257), undefined, 7])(
    'refuse the key %j of a credential field',
    (key) => {
      expect(() => fieldKey(key as string)).toThrow(
        expect.objectContaining({ code: 'CREDENTIAL_UNAVAILABLE' }),
      );
    },
  );
});
