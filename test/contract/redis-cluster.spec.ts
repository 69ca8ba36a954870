import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { RedisCertificateStore } from 'nestjs-wechatpay/redis';
import { describeWithProgram } from '../support/requires.js';
import { startRedis, until, type TestServer } from '../support/servers.js';
import { answerAt, MCHID } from './certificate-store.js';

describeWithProgram('redis-server', 'a certificate store in other kinds of Redis', () => {
  let server: TestServer;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis(
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    );
    admin = new Redis(server.url);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('the cluster stands', async () =>
      String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
  }, 40_000);
  afterAll(async () => {
    admin.disconnect();
    await server.close();
  });

  it('works in a cluster, where a script may use the keys of one slot only', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: server.port }]);
    const store = new RedisCertificateStore(cluster, { pollMs: 60_000 });
    const seen: string[] = [];
    const subscription = store.changes().subscribe((mchid) => seen.push(mchid));
    try {
      await expect(store.read(MCHID)).resolves.toBeUndefined();
      await expect(store.writeIfNewer(MCHID, answerAt(1_000))).resolves.toBe(true);
      await expect(store.writeIfNewer(MCHID, answerAt(999))).resolves.toBe(false);
      await until('it is told by a message', () => seen.includes(MCHID), 5_000);
      await expect(store.tryLease('x', 60_000)).resolves.toBe(true);
      await expect(store.tryLease('x', 60_000)).resolves.toBe(false);
    } finally {
      subscription.unsubscribe();
      cluster.disconnect();
    }
  }, 30_000);

  it('works with the client’s own prefix, and a client that connects late', async () => {
    const client = new Redis(server.url, { keyPrefix: 'shop:', lazyConnect: true });
    const store = new RedisCertificateStore(client, { prefix: 'pay', pollMs: 60_000 });
    const seen: string[] = [];
    const subscription = store.changes().subscribe((mchid) => seen.push(mchid));
    try {
      await store.writeIfNewer(MCHID, answerAt(1_000));
      await until('it listens', async () => {
        await store.writeIfNewer('2', answerAt(Math.floor(Math.random() * 1e9)));
        return seen.includes('2');
      });
      const keys = (await admin.keys('*')).filter((key) => key.includes('{pay}'));
      expect(keys.every((key) => key.startsWith('shop:{pay}:certificates:'))).toBe(true);
    } finally {
      subscription.unsubscribe();
      client.disconnect();
    }
  }, 30_000);

  it('keeps entries for good, or for the time that was asked for', async () => {
    const client = new Redis(server.url);
    try {
      await new RedisCertificateStore(client).writeIfNewer('11', answerAt(1_000));
      await new RedisCertificateStore(client, { expiryMs: 3_600_000 }).writeIfNewer(
        '12',
        answerAt(1_000),
      );
      expect(await admin.pttl('{wechatpay}:certificates:11')).toBe(-1);
      expect(await admin.pttl('{wechatpay}:certificates:12')).toBeGreaterThan(3_500_000);
    } finally {
      client.disconnect();
    }
  });

  it('tells of changes after the data were lost, though numbers began anew', async () => {
    const client = new Redis(server.url);
    const store = new RedisCertificateStore(client, { pollMs: 200 });
    const seen: string[] = [];
    const subscription = store.changes().subscribe((mchid) => seen.push(mchid));
    try {
      await store.read('21');
      for (let second = 1; second <= 5; second += 1) {
        await store.writeIfNewer('21', answerAt(second));
      }
      await until('it is seen', () => seen.includes('21'));
      await admin.flushall();
      await store.writeIfNewer('22', answerAt(1_000));
      await until('the new one is seen', () => seen.includes('22'), 5_000);
    } finally {
      subscription.unsubscribe();
      client.disconnect();
    }
  }, 30_000);

  it('fetches no more of an entry than an entry may have', async () => {
    const client = new Redis(server.url);
    const store = new RedisCertificateStore(client);
    try {
      await admin.set('{wechatpay}:certificates:31', Buffer.alloc(10_000_000, 'x'));
      const before = client.stream?.bytesRead ?? 0;
      await expect(store.read('31')).rejects.toThrow('256 KiB');
      expect((client.stream?.bytesRead ?? 0) - before).toBeLessThan(300_000);
      await admin.call('HSET', '{wechatpay}:certificates:32', 'a', 'b');
      await expect(store.read('32')).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await expect(store.writeIfNewer('32', answerAt(1_000))).resolves.toBe(true);
    } finally {
      client.disconnect();
    }
  });
});
