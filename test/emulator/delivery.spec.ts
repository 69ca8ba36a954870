import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  deliver,
  isLoopback,
  type HostResolver,
} from '../../emulator/lib/notifications/delivery.js';
import { startNotifyServer, type NotifyServer } from './support/merchant.js';

describe('The delivery of a notification', () => {
  let shop: NotifyServer;

  beforeEach(async () => {
    shop = await startNotifyServer();
  });

  afterEach(() => shop.close());

  function post(addresses: readonly string[], allowRemote: boolean): ReturnType<typeof deliver> {
    const resolve: HostResolver = (_, __, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    const url = shop.url.replace('127.0.0.1', 'shop.example');
    const { signal } = new AbortController();
    return deliver(url, {}, Buffer.from('{}'), { timeoutMs: 500, allowRemote, signal, resolve });
  }

  it('goes to a name that means this machine, and to none of its other addresses', async () => {
    expect(await post(['127.0.0.1'], false)).toEqual({ status: 204, answer: '' });
    expect(await post(['192.0.2.1', '127.0.0.1'], false)).toEqual({ status: 204, answer: '' });
    expect(shop.received[0]?.headers.host).toMatch(/^shop\.example:\d+$/);
  });

  it('does not go to a name that means another machine', async () => {
    const { status, error } = await post(['192.0.2.1', '2001:db8::1'], false);
    expect(status).toBeUndefined();
    expect(error).toContain('shop.example is not a loopback address');
    expect(shop.received).toEqual([]);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['0.0.0.0', false],
    ['10.127.0.1', false],
    ['::', false],
    ['127.0.0.1.example', false],
  ])('takes %s for loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
