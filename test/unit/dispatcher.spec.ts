import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryNotificationInbox, type NotificationInbox } from 'nestjs-wechatpay';
import { NotificationDispatcher } from '../../lib/notification/dispatcher.js';
import { HandlerTable } from '../../lib/notification/handler-table.js';
import { ReceivedNotification } from '../../lib/notification/received-notification.js';
import { leftMs } from '../../lib/notification/waiting.js';

const KIND = 'TRANSACTION.SUCCESS';
const content = {
  id: 'n-1',
  eventType: KIND,
  merchant: 'default',
  mchid: '1900000001',
  payload: { out_trade_no: 'order-1' },
};

describe('a dispatcher', () => {
  const escaped: unknown[] = [];
  const onEscaped = (error: unknown): number => escaped.push(error);
  const reports = {
    failed: jest.fn(),
    unremembered: jest.fn(),
    late: jest.fn(),
    unhandled: jest.fn(),
  };

  beforeEach(() => {
    process.on('unhandledRejection', onEscaped);
  });
  afterEach(() => {
    process.off('unhandledRejection', onEscaped);
    expect(escaped.splice(0)).toEqual([]);
    jest.useRealTimers();
    jest.clearAllMocks();
  });

  function dispatcherOf(run: () => unknown): NotificationDispatcher {
    const handlers = new HandlerTable([{ name: 'a', kind: KIND, merchants: undefined, run }]);
    return new NotificationDispatcher({ handlers, reports });
  }
  const dispatch = (
    inbox: NotificationInbox,
    run: () => unknown = () => undefined,
    ackTimeoutMs?: number,
  ): Promise<void> =>
    dispatcherOf(run).dispatch(new ReceivedNotification(content as never, undefined), {
      inbox,
      ackTimeoutMs,
    });
  const throwing = (): never => {
    throw new Error('at once');
  };
  const inboxOf = (claim: unknown): NotificationInbox => ({ claim: (() => claim) as never });

  it.each([
    ['throws at once', { claim: throwing }],
    ['says nothing', inboxOf(undefined)],
    ['says null', inboxOf(null)],
  ])('tells the platform to come back when an inbox %s', async (_, inbox) => {
    const handler = jest.fn();
    await expect(dispatch(inbox as NotificationInbox, handler)).rejects.toMatchObject({
      code: 'NOTIFICATION_FAILED',
    });
    expect(handler).not.toHaveBeenCalled();
    expect(reports.failed).toHaveBeenCalledTimes(1);
  });

  it('takes a state that it does not know for a running handler', async () => {
    await expect(dispatch(inboxOf({ state: 'new' }))).rejects.toMatchObject({
      code: 'NOTIFICATION_BUSY',
    });
  });

  it.each([
    ['throws at once', throwing],
    ['gives no promise', () => undefined],
    ['rejects', () => Promise.reject(new Error('later'))],
    ['is missing', undefined],
  ])('survives an inbox whose done() or release() %s', async (how, end) => {
    const inbox = inboxOf({ state: 'claimed', done: end, release: end });
    await expect(dispatch(inbox)).resolves.toBeUndefined();
    expect(reports.unremembered).toHaveBeenCalledTimes(how === 'gives no promise' ? 0 : 1);
    const failing = dispatch(inbox, () => Promise.reject(new Error('failed')));
    await expect(failing).rejects.toMatchObject({ code: 'NOTIFICATION_FAILED' });
  });

  it('gives each notification its own time, whichever came first, and keeps no timer for what is done', async () => {
    jest.useFakeTimers();
    const dispatcher = dispatcherOf(() => new Promise((resolve) => setTimeout(resolve, 300)));
    const outcomes: string[] = [];
    const start = async (id: string, ackTimeoutMs: number): Promise<void> => {
      const payload = { out_trade_no: id };
      const notification = new ReceivedNotification(
        { ...content, id, payload } as never,
        undefined,
      );
      const inbox = new MemoryNotificationInbox();
      const end = dispatcher.dispatch(notification, { inbox, ackTimeoutMs });
      await end.then(
        () => outcomes.push(`${id} done`),
        (error: { code: string }) => outcomes.push(`${id} ${error.code}`),
      );
    };
    const all = [start('long', 1_000), start('short', 100), start('middle', 200)];
    await jest.advanceTimersByTimeAsync(99);
    expect(outcomes).toEqual([]);
    await jest.advanceTimersByTimeAsync(2);
    expect(outcomes).toEqual(['short NOTIFICATION_LATE']);
    await jest.advanceTimersByTimeAsync(100);
    expect(outcomes).toEqual(['short NOTIFICATION_LATE', 'middle NOTIFICATION_LATE']);
    await jest.advanceTimersByTimeAsync(100);
    await Promise.all(all);
    expect(outcomes.at(-1)).toBe('long done');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for whoever’s promise an inbox gives', async () => {
    const handler = jest.fn();
    const done = jest.fn();
    const later = <T>(value: T): PromiseLike<T> => ({
      then: (resolve) => Promise.resolve(value).then(resolve),
    });
    const inbox = inboxOf(later({ state: 'claimed', done: () => later(done()), release: done }));
    await expect(dispatch(inbox, handler)).resolves.toBeUndefined();
    expect(handler).toHaveBeenCalledTimes(1);
    expect(done).toHaveBeenCalledTimes(1);
  });

  it('waits at its end for handlers that run, and no more for one that has run ten minutes', async () => {
    jest.useFakeTimers();
    const dispatcher = dispatcherOf(() => new Promise(() => undefined));
    const inbox = new MemoryNotificationInbox();
    const late = dispatcher
      .dispatch(new ReceivedNotification(content as never, undefined), { inbox })
      .catch((error: { code: string }) => error.code);
    await jest.advanceTimersByTimeAsync(4_000);
    await expect(late).resolves.toBe('NOTIFICATION_LATE');
    let isOver = false;
    void dispatcher.settled(10_000).then(() => (isOver = true));
    await jest.advanceTimersByTimeAsync(9_999);
    expect(isOver).toBe(false);
    await jest.advanceTimersByTimeAsync(10 * 60_000);
    isOver = false;
    void dispatcher.settled(10_000).then(() => (isOver = true));
    await jest.advanceTimersByTimeAsync(0);
    expect(isOver).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps no timer of a handler that has ended late', async () => {
    jest.useFakeTimers();
    let finish: () => void = () => undefined;
    const late = dispatch(
      new MemoryNotificationInbox(),
      () => new Promise<void>((resolve) => (finish = resolve)),
    ).catch(() => undefined);
    await jest.advanceTimersByTimeAsync(4_000);
    await late;
    expect(jest.getTimerCount()).toBe(1);
    finish();
    await jest.advanceTimersByTimeAsync(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('the time that is left', () => {
  it('counts from the receipt, whatever the clock does', () => {
    expect(leftMs({}, 1_000, 1_000)).toBe(4_000);
    expect(leftMs({ ackTimeoutMs: 500 }, 1_000, 1_100)).toBe(400);
    expect(leftMs({ ackTimeoutMs: 500 }, 1_000, 9_000)).toBe(0);
    expect(leftMs({ ackTimeoutMs: 500 }, 1_000, 0)).toBe(500);
  });
});
