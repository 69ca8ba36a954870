import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from '../../lib/transport/index.js';

describe('a deadline', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('ends once, at its time, and tells everyone who waits', () => {
    const heard = jest.fn();
    const deadline = new Deadline(100);
    deadline.onEnd(heard);
    const forget = deadline.onEnd(() => heard('forgotten'));
    forget();
    jest.advanceTimersByTime(99);
    expect([deadline.reason, heard.mock.calls]).toEqual([undefined, []]);
    expect(Math.round(deadline.remainingMs)).toBe(1);
    jest.advanceTimersByTime(1);
    expect(deadline.reason).toMatchObject({
      code: 'TIMEOUT',
      isRetryable: true,
      message: 'The call took longer than 100 ms',
    });
    expect(heard.mock.calls).toEqual([[deadline.reason]]);
    expect(deadline.remainingMs).toBe(0);
    deadline.onEnd(heard);
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it('ends at once when the signal was aborted before', () => {
    const reason = new Error('gone');
    const deadline = new Deadline(100, AbortSignal.abort(reason));
    expect(deadline.reason).toMatchObject({ code: 'ABORTED', cause: { message: 'gone' } });
    jest.advanceTimersByTime(1000);
    expect(deadline.reason?.code).toBe('ABORTED');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps the first of two reasons', () => {
    const abort = new AbortController();
    const deadline = new Deadline(100, abort.signal);
    jest.advanceTimersByTime(100);
    abort.abort();
    expect(deadline.reason?.code).toBe('TIMEOUT');
  });

  it('leaves no timer and no listener behind', () => {
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const deadline = new Deadline(100, signal);
    deadline.dispose();
    deadline.dispose();
    expect(jest.getTimerCount()).toBe(0);
    expect(removed.mock.calls[0]?.[1]).toBe(added.mock.calls[0]?.[1]);
  });

  it('waits for a promise shared with others, for its own time only', async () => {
    const deadline = new Deadline(100);
    await expect(deadline.race(Promise.resolve(1))).resolves.toBe(1);
    await expect(deadline.race(Promise.reject(new RangeError('x')))).rejects.toThrow('x');
    const late = deadline.race(new Promise(() => undefined));
    jest.advanceTimersByTime(100);
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(deadline.race(Promise.resolve(1))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});
