import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { WechatPayNotifyGuard } from 'nestjs-wechatpay';
import { NotificationTally } from '../../lib/notification/notification-tally.js';

const NOW = Date.UTC(2026, 0, 1);

describe('the guard', () => {
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it.each([
    [0, 2_000],
    [3_500, 4_000],
  ])(
    'answers, after %i ms for the merchant, %i ms after the receipt when a key does not come',
    async (loadMs, waited) => {
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
        find: () => undefined,
        load: () => new Promise((resolve) => setTimeout(() => resolve(receiver), loadMs)),
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
      const reflector = { getAllAndOverride: () => ({ merchant: () => '1900000001' }) };
      const guard = new WechatPayNotifyGuard(receivers as never, reflector as never);
      let status: number | undefined;
      const ask = async (): Promise<boolean> => guard.canActivate(context as never);
      const answer = ask().catch((error: { getStatus(): number }) => (status = error.getStatus()));
      await jest.advanceTimersByTimeAsync(waited - 1);
      expect(status).toBeUndefined();
      await jest.advanceTimersByTimeAsync(1);
      await answer;
      expect(status).toBe(401);
    },
  );
});
