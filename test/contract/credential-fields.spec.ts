import { afterEach, describe, expect, it } from '@jest/globals';
import Consul from 'consul';
import { Etcd3 } from 'etcd3';
import { Redis } from 'ioredis';
import type { CredentialField } from 'nestjs-wechatpay';
import { fromConsul } from 'nestjs-wechatpay/consul';
import { fromEtcd } from 'nestjs-wechatpay/etcd';
import { fromRedis } from 'nestjs-wechatpay/redis';
import { ConsulServer } from '../support/consul-server.js';
import { describeWithProgram } from '../support/requires.js';
import { startEtcd, startRedis, until } from '../support/servers.js';

const KEY = 'pay/private-key';
const SECRET = 'a secret that is in no message';

interface Fields {
  field(): CredentialField<Buffer>;
  write(value: Buffer | string): Promise<unknown>;
  remove(): Promise<unknown>;
  freeze(): void | Promise<void>;
  thaw(): void;
  close(): Promise<void>;
}

function describeField(start: () => Promise<Fields>): void {
  let fields: Fields;
  const signal = (): AbortSignal => new AbortController().signal;
  const failure = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => new Error('nothing failed'),
      (error: Error) => error,
    );
  afterEach(async () => {
    await fields.close();
  }, 30_000);

  it('gives the bytes that were written', async () => {
    fields = await start();
    const bytes = Buffer.from([0, 255, 10, 13, ...Buffer.from(SECRET)]);
    await fields.write(bytes);
    expect((await fields.field().load(signal())).equals(bytes)).toBe(true);
  }, 30_000);

  it('names the key and the remedy when there is none, or it holds too much, and never the value', async () => {
    fields = await start();
    const field = fields.field();
    const missing = await failure(field.load(signal()));
    expect(missing).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    expect(missing.message).toContain(KEY);
    expect(missing.message).toContain('write it');
    await fields.write(SECRET.repeat(4_000));
    const long = await failure(field.load(signal()));
    expect(long).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    expect(long.message).toContain('64 KiB');
    expect(long.message).not.toContain(SECRET);
  }, 30_000);

  it('tells of a change and of a removal, not of the same value written again', async () => {
    fields = await start();
    await fields.write('one');
    const field = fields.field();
    let changes = 0;
    const subscription = field.changes?.subscribe({ next: () => (changes += 1) });
    try {
      expect(String(await field.load(signal()))).toBe('one');
      await fields.write('one');
      await fields.write('two');
      await until('the change is told', () => changes === 1);
      expect(String(await field.load(signal()))).toBe('two');
      await fields.remove();
      await until('the removal is told', () => changes === 2);
      await failure(field.load(signal()));
      await fields.write('three');
      await until('the return is told', () => changes === 3);
    } finally {
      subscription?.unsubscribe();
    }
  }, 30_000);

  it('stops waiting when it is told to, and by itself when the server is frozen', async () => {
    fields = await start();
    const field = fields.field();
    await fields.write('one');
    await field.load(signal());
    await fields.freeze();
    try {
      const reason = new Error('enough');
      await expect(failure(field.load(AbortSignal.abort(reason)))).resolves.toBe(reason);
      const controller = new AbortController();
      const stopped = failure(field.load(controller.signal));
      controller.abort(reason);
      await expect(stopped).resolves.toBe(reason);
      await expect(failure(field.load(signal()))).resolves.toMatchObject({ code: 'STORE_FAILED' });
    } finally {
      fields.thaw();
    }
  }, 30_000);
}

describeWithProgram('redis-server', 'a credential field in Redis', () => {
  describeField(async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    client.on('error', () => undefined);
    return {
      field: () => fromRedis(client, KEY, { pollMs: 200 }),
      write: (value) => client.set(KEY, value),
      remove: () => client.del(KEY),
      freeze: server.freeze,
      thaw: server.thaw,
      close: async () => {
        client.disconnect();
        await server.close();
      },
    };
  });

  it('is told at once by a message on its channel', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    try {
      await client.set(KEY, 'one');
      const field = fromRedis(client, KEY, { pollMs: 60_000 });
      let changes = 0;
      const subscription = field.changes?.subscribe({ next: () => (changes += 1) });
      const listens = async (): Promise<boolean> =>
        ((await client.pubsub('NUMSUB', `${KEY}:changed`)) as unknown[])[1] === 1;
      await until('it listens', listens);
      await client.set(KEY, 'two');
      await client.publish(`${KEY}:changed`, 'x');
      await until('the change is told', () => changes === 1, 2_000);
      subscription?.unsubscribe();
      await until('nobody listens', async () => !(await listens()), 2_000);
    } finally {
      client.disconnect();
      await server.close();
    }
  }, 30_000);
});

describeWithProgram('etcd', 'a credential field in etcd', () => {
  describeField(async () => {
    const server = await startEtcd();
    const client = new Etcd3({ hosts: server.url });
    return {
      field: () => fromEtcd(client, KEY, { pollMs: 60_000 }),
      write: (value) => client.put(KEY).value(value).exec(),
      remove: () => client.delete().key(KEY).exec(),
      freeze: server.freeze,
      thaw: server.thaw,
      close: async () => {
        client.close();
        await server.close();
      },
    };
  });
});

describe('a credential field in Consul', () => {
  describeField(async () => {
    const server = await ConsulServer.start();
    const client = new Consul({ host: '127.0.0.1', port: server.port });
    return {
      field: () => fromConsul(client, KEY, { pollMs: 1_000 }),
      write: (value) => client.kv.set(KEY, value),
      remove: () => Promise.resolve(server.clear()),
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
      close: async () => {
        client.destroy();
        await server.close();
      },
    };
  });
});
