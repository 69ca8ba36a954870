import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { WechatPayNotifyGuard } from 'nestjs-wechatpay';
import { NotificationTally } from '../../lib/notification/notification-tally.js';

const NOW = Date.UTC(2026, 0, 1);

describe('the guard', () => {
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it.each([
    [500, 500],
    [4_900, 2_000],
  ])('of a route that answers within %i ms waits %i ms for a key', async (ackTimeoutMs, waited) => {
    jest.useFakeTimers({ now: NOW });
    jest.spyOn(Logger.prototype, 'debug').mockImplementation(() => undefined);
    const receiver = {
      name: 'default',
      mchid: '1900000001',
      notifications: new NotificationTally(),
      certificates: {
        keyRing: { find: () => undefined },
        find: () => new Promise(() => undefined),
        status: { lastError: undefined },
      },
    };
    const receivers = {
      nowMs: () => Date.now(),
      get: () => receiver,
      settingsOf: () => ({ ackTimeoutMs }),
    };
    const request = {
      rawBody: Buffer.from('{}'),
      headers: {
        'content-type': 'application/json',
        'wechatpay-timestamp': String(NOW / 1000),
        'wechatpay-nonce': 'n',
        'wechatpay-signature': 's',
        'wechatpay-serial': 'ABCDEF',
      },
    };
    const context = {
      switchToHttp: () => ({ getRequest: () => request }),
      getHandler: () => () => undefined,
      getClass: () => class {},
    };
    const guard = new WechatPayNotifyGuard(receivers as never, new Reflector());
    let status: number | undefined;
    const answer = guard
      .canActivate(context as never)
      .catch((error: { getStatus(): number }) => (status = error.getStatus()));
    await jest.advanceTimersByTimeAsync(waited - 1);
    expect(status).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    await answer;
    expect(status).toBe(401);
  });
});
