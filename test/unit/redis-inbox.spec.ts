import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RedisNotificationInbox } from 'nestjs-wechatpay/redis';

type Answer = (script: string, ...rest: unknown[]) => Promise<unknown>;

describe('an inbox over a Redis client', () => {
  const evalsha = jest.fn<Answer>();
  const inbox = (times = {}): RedisNotificationInbox =>
    new RedisNotificationInbox({ evalsha, eval: evalsha } as never, {}, times);

  beforeEach(() => {
    jest.useFakeTimers();
    evalsha.mockResolvedValue('claimed');
  });
  afterEach(() => {
    jest.useRealTimers();
    evalsha.mockReset();
  });

  it('lets ten thousand handlers run at once, and tells the platform to come back above', async () => {
    const busy = inbox();
    const claims = await Promise.all(
      Array.from({ length: 10 }, async (_, tens) => {
        const many = [];
        for (let at = 0; at < 1_000; at += 1) many.push(await busy.claim(`${tens}-${at}`));
        return many;
      }),
    );
    await expect(busy.claim('more')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      isRetryable: true,
    });
    const first = claims[0]?.[0];
    if (first?.state === 'claimed') await first.release();
    await expect(busy.claim('more')).resolves.toMatchObject({ state: 'claimed' });
  });

  it('waits for no more than 1,024 claims that a client leaves unanswered', async () => {
    evalsha.mockImplementation(() => new Promise(() => undefined));
    const stuck = inbox();
    const waiting = Array.from({ length: 1_024 }, (_, at) => stuck.claim(`k-${at}`));
    const settled = Promise.allSettled(waiting);
    await expect(stuck.claim('more')).rejects.toThrow('left 1024 calls unanswered');
    await jest.advanceTimersByTimeAsync(2_000);
    for (const { status } of await settled) expect(status).toBe('rejected');
    expect(evalsha).toHaveBeenCalledTimes(1_024);
  });

  it('renews a bounded number at a time, and begins no beat beside one that hangs', async () => {
    const many = inbox({ beatMs: 1_000 });
    for (let at = 0; at < 200; at += 1) await many.claim(`k-${at}`);
    evalsha.mockClear();
    evalsha.mockImplementation(() => new Promise(() => undefined));
    await jest.advanceTimersByTimeAsync(1_900);
    expect(evalsha).toHaveBeenCalledTimes(64);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(evalsha).toHaveBeenCalledTimes(64); // the client has not let go of them
  });

  it('renews the oldest first, whose lease ends first, and each once', async () => {
    const many = inbox({ beatMs: 1_000 });
    for (let at = 0; at < 200; at += 1) await many.claim(`k-${at}`);
    evalsha.mockClear();
    evalsha.mockResolvedValue(1);
    await jest.advanceTimersByTimeAsync(1_000);
    const keys = evalsha.mock.calls.map((call) => String(call[2]).split(':').at(-1));
    expect(keys).toEqual(Array.from({ length: 200 }, (_, at) => `k-${at}`));
  });

  it('gives back a lease that a late renewal took again', async () => {
    const one = inbox({ beatMs: 1_000 });
    const claim = await one.claim('k');
    let renewed: (answer: unknown) => void = () => undefined;
    evalsha.mockImplementationOnce(() => new Promise((resolve) => (renewed = resolve)));
    await jest.advanceTimersByTimeAsync(1_000);
    if (claim.state === 'claimed') await claim.release();
    evalsha.mockClear();
    renewed(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(evalsha).toHaveBeenCalledTimes(1);
    expect(evalsha.mock.calls[0]?.slice(1, 3)).toEqual([1, 'wechatpay:inbox:k']);
  });

  it('refuses an answer that is none', async () => {
    evalsha.mockResolvedValue(null);
    await expect(inbox().claim('k')).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
