import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisCertificateStore } from 'nestjs-wechatpay/redis';
import { describeWithProgram } from '../support/requires.js';
import { startRedis, until, type TestServer } from '../support/servers.js';
import { answerAt, describeCertificateStore, MCHID } from './certificate-store.js';

describeWithProgram('redis-server', 'a certificate store in Redis', () => {
  describeCertificateStore(async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    admin.on('error', () => undefined);
    let clients: Redis[] = [];
    return {
      open: (pollMs = 1_000) => {
        const client = new Redis(server.url);
        client.on('error', () => undefined);
        clients.push(client);
        return new RedisCertificateStore(client, { pollMs });
      },
      plant: async (mchid, bytes) => {
        await admin.set(`{wechatpay}:certificates:${mchid}`, bytes);
      },
      reset: async () => {
        for (const client of clients) client.disconnect();
        clients = [];
        await admin.flushall();
      },
      close: async () => {
        admin.disconnect();
        await server.close();
      },
      watchers: async () => {
        const [, count] = (await admin.pubsub('NUMSUB', '{wechatpay}:certificates:changed')) as [
          string,
          number,
        ];
        return Number(count);
      },
      faults: {
        kill: server.kill,
        restart: server.restart,
        freeze: server.freeze,
        thaw: server.thaw,
        cut: async () => {
          await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
          await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
        },
      },
      lease: { shortestMs: 1_500, graceMs: 1_000 },
      isShared: true,
    };
  });
});

describeWithProgram('redis-server', 'a Redis that holds something else under our keys', () => {
  const BASE = '{wechatpay}:certificates';
  let server: TestServer;
  let client: Redis;
  let store: RedisCertificateStore;

  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
    client.on('error', () => undefined);
  }, 30_000);
  afterAll(async () => {
    client?.disconnect();
    await server?.close();
  }, 30_000);
  beforeEach(async () => {
    await client.flushall();
    store = new RedisCertificateStore(client, { pollMs: 100 });
  });

  it.each(['x', '-1', '1e3', '9'.repeat(16)])(
    'is refused with the number of changes %j, and the remedy is named',
    async (sequence) => {
      await client.set(`${BASE}:sequence`, sequence);
      await expect(store.read(MCHID)).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: expect.stringContaining('delete the keys of this prefix'),
      });
      await client.del(`${BASE}:sequence`);
      await expect(store.read(MCHID)).resolves.toBeUndefined();
    },
  );

  it('fails the write whose script fails', async () => {
    await client.set(`${BASE}:changes`, 'no sorted set');
    for (const seconds of [1_000, 1_001]) {
      const written = store.writeIfNewer(MCHID, answerAt(seconds)); // the second runs it by its name
      await expect(written).rejects.toMatchObject({ code: 'STORE_FAILED' });
    }
  });

  it('is told of what is a merchant number, and passes over the rest', async () => {
    await store.read(MCHID);
    const seen: string[] = [];
    const subscription = store.changes().subscribe((mchid) => seen.push(mchid));
    try {
      await client.zadd(`${BASE}:changes`, 5, '../x', 7, '8');
      await until('the number is told', () => seen.includes('8'));
      expect(seen).toEqual(['8']);
    } finally {
      subscription.unsubscribe();
    }
  });

  it('is listened to through a client that connects late', async () => {
    const lazy = new Redis(server.url, { lazyConnect: true });
    const watched = new RedisCertificateStore(lazy, { pollMs: 60_000 });
    const seen: string[] = [];
    const subscription = watched.changes().subscribe((mchid) => seen.push(mchid));
    try {
      const channel = `${BASE}:changed`;
      const listens = async (): Promise<boolean> =>
        ((await client.pubsub('NUMSUB', channel)) as unknown[])[1] === 1;
      await until('it listens', listens);
      await store.writeIfNewer(MCHID, answerAt(1_000));
      await until('the change is told', () => seen.includes(MCHID), 2_000);
    } finally {
      subscription.unsubscribe();
      lazy.disconnect();
    }
  });
});
