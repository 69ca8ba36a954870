import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SignedAnswer } from 'nestjs-wechatpay';
import { ConsulCertificateStore, fromConsul, type ConsulClient } from 'nestjs-wechatpay/consul';
import { EtcdCertificateStore, type EtcdClient } from 'nestjs-wechatpay/etcd';
import { fromRedis, RedisCertificateStore, type RedisClient } from 'nestjs-wechatpay/redis';
import { Subscription } from 'rxjs';
import { listenTo, type EtcdWatcher } from '../../lib/stores/etcd/client.js';
import { listenOn } from '../../lib/stores/redis/client.js';

/** Clients that answer what no server of theirs should: each call fails in words, and none waits. */
const MCHID = '1900000109';
const answer: SignedAnswer = {
  headers: { 'wechatpay-timestamp': '1000' },
  body: Buffer.from('{"data":[]}'),
};
const { signal } = new AbortController();
let subscriptions: Subscription;
beforeEach(() => {
  subscriptions = new Subscription();
});
afterEach(() => subscriptions.unsubscribe());
const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const error: unknown = await promise.then(
    () => new Error('nothing failed'),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: expect.stringMatching(/^STORE_|^CREDENTIAL_UNAVAILABLE$/) });
  return error as Error;
};

describe('a Consul client', () => {
  const response = { headers: { 'x-consul-index': '7' } };
  const clientOf = (get: () => unknown, parts: object = {}): ConsulClient =>
    ({
      kv: { get: () => Promise.resolve(get()), set: () => Promise.resolve(true) },
      session: {
        create: () => Promise.resolve({ ID: 'session' }),
        destroy: () => Promise.resolve(true),
      },
      transaction: { create: () => Promise.resolve({}) },
      ...parts,
    }) as ConsulClient;
  const empty = (): unknown => [response];

  it.each<[string, unknown]>([
    ['no response beside the result', { Key: 'x' }],
    ['a response without headers', [undefined, undefined]],
    ['a response without an index', [{ headers: {} }, undefined]],
    ['the index 0', [{ headers: { 'x-consul-index': '0' } }, undefined]],
    ['an item that is none', [response, 'x']],
    ['an item without a version', [response, [{ Key: 'x', Value: Buffer.alloc(1) }]]],
    ['an item without a key', [response, { ModifyIndex: 1, Value: Buffer.alloc(1) }]],
  ])('that gives %s fails the read', async (_, given) => {
    const store = new ConsulCertificateStore(clientOf(() => given));
    const error = await failure(store.read(MCHID));
    expect(error).toMatchObject({ message: expect.stringContaining('Consul failed') });
    expect(error.cause).toMatchObject({ name: 'TypeError' });
  });

  it('that opens no session fails the lease', async () => {
    const session = { create: () => Promise.resolve({}), destroy: () => Promise.resolve(true) };
    const store = new ConsulCertificateStore(clientOf(empty, { session }));
    expect((await failure(store.tryLease('x', 60_000))).message).toMatch(/opened no session/);
  });

  it.each([{ statusCode: 409 }, { response: { statusCode: 409 } }])(
    'that says %j lost the compare-and-set, and tries no more than 32 times',
    async (conflict) => {
      const create = jest.fn(() => Promise.reject(Object.assign(new Error('conflict'), conflict)));
      const store = new ConsulCertificateStore(clientOf(empty, { transaction: { create } }));
      const { message } = await failure(store.writeIfNewer(MCHID, answer));
      expect(message).toMatch(/^Too many others write the same entry in Consul/);
      expect(create).toHaveBeenCalledTimes(32);
    },
  );

  it.each([{ statusCode: 500 }, {}])('that fails with %j is not asked again', async (facts) => {
    const create = jest.fn(() => Promise.reject(Object.assign(new Error('no'), facts)));
    const store = new ConsulCertificateStore(clientOf(empty, { transaction: { create } }));
    await failure(store.writeIfNewer(MCHID, answer));
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('whose server lost its data is asked without an index once', async () => {
    const indexes = ['9', '3', '4'];
    const asked: (string | undefined)[] = [];
    await new Promise<void>((resolve) => {
      const get = ({ index }: { readonly index?: string }): Promise<unknown> => {
        asked.push(index);
        const next = indexes.shift();
        if (next !== undefined) {
          return Promise.resolve([{ headers: { 'x-consul-index': next } }, undefined]);
        }
        resolve();
        return new Promise(() => undefined);
      };
      const client = clientOf(empty, { kv: { get, set: () => Promise.resolve(true) } });
      const { changes } = fromConsul(client, 'pay/key', { pollMs: 20 });
      subscriptions.add(changes?.subscribe());
    });
    expect(asked).toEqual([undefined, '9', undefined, '4']);
  });
});

describe('an etcd client', () => {
  const revision = (text: string, kvs: object[] = []): object => ({
    header: { revision: text },
    kvs,
  });
  /** Every builder gives itself back; the last call answers. */
  const builder = (last: Record<string, unknown>): unknown =>
    new Proxy(last, {
      get: (target, name) => (name in target ? target[String(name)] : () => builder(last)),
    });

  it('that never wins a compare-and-set tries no more than 32 times', async () => {
    const commit = jest.fn(() => Promise.resolve({ succeeded: false }));
    const client = {
      get: () => builder({ exec: () => Promise.resolve(revision('5')) }),
      put: () => builder({}),
      if: () => ({ then: () => builder({ commit }) }),
    } as unknown as EtcdClient;
    const store = new EtcdCertificateStore(client);
    const { message } = await failure(store.writeIfNewer(MCHID, answer));
    expect(message).toMatch(/^Too many others write the same entry in etcd/);
    expect(commit).toHaveBeenCalledTimes(32);
  });

  it('whose server was restored from a backup is asked for everything', async () => {
    const answers = [
      revision('90'),
      revision('40'),
      revision('41', [
        { key: Buffer.from('wechatpay/certificates/changed/8'), mod_revision: '30' },
      ]),
    ];
    const from: string[] = [];
    const many: Record<string, unknown> = {
      minModRevision: (text: string) => (from.push(text), builder(many)),
      exec: () => {
        const next = answers.shift();
        return next ? Promise.resolve(next) : new Promise(() => undefined);
      },
    };
    const client = {
      getAll: () => builder(many),
      watch: () => builder({ create: () => new Promise(() => undefined) }),
    } as unknown as EtcdClient;
    const store = new EtcdCertificateStore(client, { pollMs: 20 });
    const told = await new Promise((resolve) => {
      subscriptions.add(store.changes().subscribe(resolve));
    });
    expect(told).toBe('8');
    expect(from.slice(0, 3)).toEqual(['1', '91', '1']);
  });

  it('whose watch was given up before it stood cancels it, and tells of nothing', async () => {
    const listeners = new Map<string, (error: Error) => void>();
    const cancel = jest.fn(() => Promise.reject(new Error('closed')));
    const watcher = {
      on: (event: string, listener: (error: Error) => void) => listeners.set(event, listener),
      cancel,
    } as unknown as EtcdWatcher;
    const request = { create: () => Promise.resolve(watcher) } as never;
    const [nudge, fail] = [jest.fn(), jest.fn()];
    listenTo(request, nudge, fail)();
    await new Promise((resolve) => setImmediate(resolve));
    expect(cancel).toHaveBeenCalled();
    expect([...listeners.keys()]).toEqual(['error']);
    listeners.get('error')?.(new Error('cancelled'));
    expect([nudge, fail].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  });

  it('whose watch breaks, or cannot be made, says so', async () => {
    const listeners = new Map<string, (error: Error) => void>();
    const watcher = {
      on: (event: string, listener: (error: Error) => void) => listeners.set(event, listener),
      cancel: () => Promise.resolve(),
    } as unknown as EtcdWatcher;
    const [nudge, fail] = [jest.fn(), jest.fn()];
    const refused = new Error('refused');
    listenTo({ create: () => Promise.reject(refused) } as never, nudge, fail);
    listenTo({ create: () => Promise.resolve(watcher) } as never, nudge, fail);
    await new Promise((resolve) => setImmediate(resolve));
    const broken = new Error('broken');
    listeners.get('error')?.(broken);
    expect(fail.mock.calls).toEqual([[refused], [broken]]);
    expect(nudge).toHaveBeenCalledTimes(1);
  });
});

describe('a Redis client', () => {
  const clientOf = (parts: object): RedisClient =>
    ({
      evalsha: () => Promise.resolve(['0']),
      getrangeBuffer: () => Promise.resolve(Buffer.alloc(0)),
      ...parts,
    }) as unknown as RedisClient;

  it.each([undefined, null, '', 'text', 7])(
    'that gives %j for bytes fails the read',
    async (held) => {
      const client = clientOf({ getrangeBuffer: () => Promise.resolve(held) });
      const { message } = await failure(new RedisCertificateStore(client).read(MCHID));
      expect(message).toBe('Redis answered without bytes');
      expect((await failure(fromRedis(client, 'pay:key').load(signal))).message).toContain(
        'pay:key',
      );
    },
  );

  it.each([null, 'OK', {}, [], [null]])(
    'that gives %j for the changes fails the read',
    async (given) => {
      const client = clientOf({ evalsha: () => Promise.resolve(given) });
      const { message } = await failure(new RedisCertificateStore(client).read(MCHID));
      expect(message).toMatch(/a number of changes that is none/);
    },
  );

  it('that is connected already subscribes at once, and not after it was ended', () => {
    const listeners = new Map<string, () => void>();
    const subscribe = jest.fn(() => Promise.resolve(1));
    const subscriber = {
      status: 'ready',
      subscribe,
      connect: jest.fn(),
      disconnect: jest.fn(),
      on: (event: string, listener: () => void) => listeners.set(event, listener),
    };
    const end = listenOn(clientOf({ duplicate: () => subscriber }), 'channel', jest.fn());
    expect(subscribe).toHaveBeenCalledTimes(1);
    expect(subscriber.connect).not.toHaveBeenCalled();
    listeners.get('ready')?.(); // a connection that broke is made again
    expect(subscribe).toHaveBeenCalledTimes(2);
    end();
    expect(subscriber.disconnect).toHaveBeenCalledTimes(1);
    listeners.get('ready')?.();
    expect(subscribe).toHaveBeenCalledTimes(2);
  });
});
