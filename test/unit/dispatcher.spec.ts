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
