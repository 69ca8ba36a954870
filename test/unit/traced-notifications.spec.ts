import { afterEach, describe, expect, it } from '@jest/globals';
import {
  handlerChannel,
  listen,
  notificationChannel,
  type HandlerEvent,
  type NotificationEvent,
} from '../../lib/diagnostics/index.js';
import type { NotificationReceiver } from '../../lib/notification/receive.js';
import { ReceivedNotification } from '../../lib/notification/received-notification.js';
import { handleTraced } from '../../lib/notification/traced-handler.js';
import { eventOf, receiveTraced } from '../../lib/notification/traced-receive.js';
import { rejection } from '../support/merchant-context.js';

const seconds = String(Math.floor(Date.now() / 1000));
const headers = {
  'wechatpay-timestamp': seconds,
  'wechatpay-nonce': 'nonce',
  'wechatpay-signature': 'A'.repeat(344),
  'wechatpay-serial': '0A1B',
  'request-id': '08F0-1',
};
const source = { headers, body: Buffer.from('{}'), receivedAtMs: Number(seconds) * 1000 };
const content = {
  ...{ id: 'EV-1', eventType: 'TRANSACTION.SUCCESS', createTime: '', originalType: 'transaction' },
  ...{ summary: undefined, merchant: 'test', mchid: '1900000001', payload: {} },
};

/** A merchant whose keys cannot even be looked at. */
const broken = {
  name: 'test',
  mchid: '1900000001',
  certificates: {
    get keyRing(): never {
      throw new TypeError('broken');
    },
  },
} as never as NotificationReceiver;

describe('what is told of notifications', () => {
  const ends: (() => void)[] = [];
  afterEach(() => ends.splice(0).forEach((end) => end()));

  it('is a fault of ours when it is no error of ours', async () => {
    const told: NotificationEvent[] = [];
    const begin = (): void => undefined;
    ends.push(listen(notificationChannel, { begin, end: (event) => told.push(event) }));
    const error = await rejection(receiveTraced(broken, source, () => 1_000));
    expect(error.message).toBe('broken');
    expect(told).toEqual([
      {
        ...{ merchant: 'test', mchid: '1900000001', id: undefined, eventType: undefined },
        ...{ requestId: '08F0-1', outcome: 'failed', reason: 'UNKNOWN', error },
      },
    ]);
  });

  it('is nothing of handlers while nobody listens, and what came of them when somebody does', async () => {
    const notification = new ReceivedNotification(content, undefined);
    const run = () =>
      handleTraced(
        notification,
        'credit',
        () => Promise.resolve('result'),
        () => ({ outcome: 'handled' }),
      );
    await expect(run()).resolves.toBe('result');
    const told: HandlerEvent[] = [];
    const begin = (): void => undefined;
    ends.push(listen(handlerChannel, { begin, end: (event) => told.push({ ...event }) }));
    await expect(run()).resolves.toBe('result');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      ...{ notification: undefined, merchant: 'test', mchid: '1900000001', id: 'EV-1' },
      ...{ eventType: 'TRANSACTION.SUCCESS', handler: 'credit', outcome: 'handled' },
    });
    expect(eventOf(notification)).toBeUndefined();
  });
});
