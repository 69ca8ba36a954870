import { describe, expect, it } from '@jest/globals';
import { BullNotificationQueue } from 'nestjs-wechatpay/bullmq';
import { queueSettings } from '../../lib/stores/bullmq/settings.js';

const connection = 'redis://:hunter2@127.0.0.1:6379';

describe('the settings of a queue on BullMQ', () => {
  it('have defaults', () => {
    expect(queueSettings({ connection })).toEqual({
      connection,
      name: 'wechatpay-notifications',
      prefix: '{wechatpay}',
      attempts: 36,
      firstMs: 1_000,
      longestMs: 3_600_000,
      concurrency: 10,
      concurrencyPerMerchant: 10,
      keepFinished: 100,
      keepFailed: 10_000,
      enqueueTimeoutMs: 2_000,
      closeTimeoutMs: 10_000,
      isDurabilityRequired: true,
    });
  });

  it('say how long the application waits for its end', () => {
    const waits = (closeTimeoutMs: number) =>
      new BullNotificationQueue({ connection, closeTimeoutMs }).closesWithinMs;
    expect([waits(0), waits(600_000)]).toEqual([3_000, 603_000]);
  });

  it('take what is said', () => {
    const said = queueSettings({
      connection: { host: '127.0.0.1' },
      concurrency: 0,
      backoff: { firstMs: 10 },
      keep: { failed: 5 },
      durability: 'warn',
    });
    expect(said).toMatchObject({
      concurrency: 0,
      concurrencyPerMerchant: 1,
      firstMs: 10,
      keepFinished: 100,
      keepFailed: 5,
      isDurabilityRequired: false,
    });
  });

  it.each([
    [{ connection: undefined }, 'connection'],
    [{ connection: 'http://127.0.0.1' }, 'connection'],
    [{ connection: ['x'] }, 'connection'],
    [{ name: 'a:b' }, 'name'],
    [{ prefix: '' }, 'prefix'],
    [{ attempts: 0 }, 'attempts'],
    [{ backoff: { firstMs: 1 } }, 'backoff.firstMs'],
    [{ backoff: { firstMs: 1_000, longestMs: 999 } }, 'backoff.longestMs'],
    [{ backoff: 1_000 }, 'backoff'],
    [{ backoff: { first: 1_000 } }, 'backoff.first'],
    [{ concurrency: 1.5 }, 'concurrency'],
    [{ concurrencyPerMerchant: 0 }, 'concurrencyPerMerchant'],
    [{ keep: { finished: -1 } }, 'keep.finished'],
    [{ keep: null }, 'keep'],
    [{ enqueueTimeoutMs: 5_000 }, 'enqueueTimeoutMs'],
    [{ closeTimeoutMs: Infinity }, 'closeTimeoutMs'],
    [{ durability: 'maybe' }, 'durability'],
    [{ durabilty: 'warn' }, 'durabilty'],
  ])('that are wrong are named: %j', (wrong, name) => {
    const make = () => new BullNotificationQueue({ connection, ...wrong } as never);
    expect(make).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_INVALID',
        problems: [expect.stringContaining(`BullNotificationQueue: ${name} `)],
      }),
    );
  });

  it('that are wrong are named all at once, without a password', () => {
    const make = () => new BullNotificationQueue({ connection, attempts: 0, name: '' });
    expect(make).toThrow(/attempts(?:.|\n)*name|name(?:.|\n)*attempts/);
    expect(make).not.toThrow(/hunter2/);
    expect(() => new BullNotificationQueue(undefined as never)).toThrow('connection');
  });
});
