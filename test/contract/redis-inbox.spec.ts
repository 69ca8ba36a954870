import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { NotificationInbox } from 'nestjs-wechatpay';
import { RedisNotificationInbox } from 'nestjs-wechatpay/redis';
import { describeWithProgram } from '../support/requires.js';
import { startRedis, until, type TestServer } from '../support/servers.js';
import { claimed, describeNotificationInbox, KEY, stateOf } from './notification-inbox.js';

const SHORT = { leaseMs: 1_200, beatMs: 200, longestRunMs: 4_000 };

function connect(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => undefined);
  return client;
}

describeWithProgram('redis-server', 'an inbox in Redis', () => {
  describeNotificationInbox(async () => {
    const server = await startRedis();
    const admin = connect(server.url);
    const clients = new Map<NotificationInbox, Redis>();
    return {
      open: () => {
        const client = connect(server.url);
        const inbox = new RedisNotificationInbox(client, {}, SHORT);
        clients.set(inbox, client);
        return inbox;
      },
      crash: (inbox) => clients.get(inbox)?.disconnect(),
      reset: async () => {
        for (const client of clients.values()) client.disconnect();
        clients.clear();
        await admin.flushall();
      },
      close: async () => {
        admin.disconnect();
        await server.close();
      },
      pass: (ms) => {
        const end = performance.now() + ms;
        return until('the time has passed', () => performance.now() > end, ms + 1_000);
      },
      times: SHORT,
      isShared: true,
      faults: server,
    };
  });
});

describeWithProgram('redis-server', 'what an inbox leaves in Redis', () => {
  let server: TestServer;
  let admin: Redis;
  const clients: { disconnect(): void }[] = [];

  beforeAll(async () => {
    server = await startRedis();
    admin = connect(server.url);
  }, 30_000);
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await admin.flushall();
  });
  afterAll(async () => {
    admin.disconnect();
    await server.close();
  });
  const open = (...more: [] | [object, object?]): RedisNotificationInbox => {
    const client = connect(server.url);
    clients.push(client);
    return new RedisNotificationInbox(client, ...more);
  };
  const NAME = `wechatpay:inbox:${KEY}`;

  it('is one key an event and handler, with an end', async () => {
    const claim = await claimed(open());
    expect(await admin.keys('*')).toEqual([NAME]);
    const lease = await admin.pttl(NAME);
    expect(lease).toBeGreaterThan(25_000);
    expect(lease).toBeLessThanOrEqual(30_000);
    await claim.done();
    expect(await admin.get(NAME)).toBe('done');
    const kept = await admin.pttl(NAME);
    expect(kept).toBeGreaterThan(47 * 3_600_000);
    expect(kept).toBeLessThanOrEqual(48 * 3_600_000);
    await (await claimed(open(), 'failed')).release();
    expect(await admin.keys('*')).toEqual([NAME]);
  });

  it('lies below the prefix, where other applications find nothing', async () => {
    const client = new Redis(server.url, { keyPrefix: 'shop:', lazyConnect: true });
    clients.push(client);
    const prefixed = new RedisNotificationInbox(client, { prefix: 'pay' });
    await claimed(prefixed);
    expect(await admin.keys('*')).toEqual([`shop:pay:inbox:${KEY}`]);
    await expect(stateOf(open())).resolves.toBe('claimed');
    expect(() => open({ prefix: 'a b' })).toThrow('prefix');
  });

  it('comes back when it was lost while a handler runs, and goes when another has it', async () => {
    const inbox = open({}, { beatMs: 50 });
    await claimed(inbox);
    const own = await admin.get(NAME);
    await admin.flushall();
    await until('it is back', async () => (await admin.get(NAME)) === own);
    await admin.set(NAME, 'another', 'PX', 60_000);
    await admin.del(`${NAME}-2`);
    const second = await claimed(inbox, `${KEY}-2`);
    await admin.pexpire(`${NAME}-2`, 10_000);
    await until('the next beat', async () => (await admin.pttl(`${NAME}-2`)) > 20_000);
    expect(await admin.get(NAME)).toBe('another');
    await admin.del(NAME);
    await admin.pexpire(`${NAME}-2`, 10_000);
    await until('one more beat', async () => (await admin.pttl(`${NAME}-2`)) > 20_000);
    expect(await admin.exists(NAME)).toBe(0);
    await second.done();
  });

  it('is remembered as done though the lease had ended before', async () => {
    const inbox = open();
    const claim = await claimed(inbox);
    await admin.flushall();
    await claim.done();
    await expect(stateOf(inbox)).resolves.toBe('done');
  });

  it('is given back by a claim that was given up before Redis took it', async () => {
    const inbox = open();
    await (await claimed(inbox, 'connected')).done();
    await server.freeze();
    try {
      await expect(inbox.claim(KEY)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    } finally {
      server.thaw();
    }
    // a lease lasts 30 seconds
    await until('it is free', async () => (await stateOf(open())) === 'claimed', 8_000);
  });

  it('is renewed by one timer, which is there only while handlers run', async () => {
    const set = jest.spyOn(globalThis, 'setInterval');
    const clear = jest.spyOn(globalThis, 'clearInterval');
    try {
      const inbox = open({}, { beatMs: 12_345 });
      const claims = await Promise.all(
        Array.from({ length: 100 }, (_, at) => claimed(inbox, `k-${at}`)),
      );
      const own = () => set.mock.calls.filter(([, ms]) => ms === 12_345);
      expect(own()).toHaveLength(1);
      const at = set.mock.calls.findIndex(([, ms]) => ms === 12_345);
      const timer = set.mock.results[at]?.value as NodeJS.Timeout;
      expect(timer.hasRef()).toBe(false);
      const [last, ...others] = claims;
      await Promise.all(others.map((claim) => claim.done()));
      expect(clear).not.toHaveBeenCalledWith(timer);
      await last?.release();
      expect(clear).toHaveBeenCalledWith(timer);
      await claimed(inbox);
      expect(own()).toHaveLength(2);
    } finally {
      set.mockRestore();
      clear.mockRestore();
    }
  });

  it('is taken once by a call that the client sends again after its connection was cut', async () => {
    const client = connect(server.url);
    clients.push(client);
    const twice = async (...args: Parameters<Redis['evalsha']>): Promise<unknown> => {
      await client.evalsha(...args);
      return client.evalsha(...args);
    };
    const again = { evalsha: twice, eval: client.eval.bind(client) };
    const inbox = new RedisNotificationInbox(again as never);
    for (const key of ['first', 'second']) {
      const claim = await claimed(inbox, key);
      await expect(stateOf(open(), key)).resolves.toBe('running');
      await claim.release();
      await (await claimed(inbox, key)).done();
      await expect(stateOf(inbox, key)).resolves.toBe('done');
    }
  });

  it('is an error when somebody else uses the key', async () => {
    await admin.hset(NAME, 'a', 'b');
    await expect(open().claim(KEY)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('lies on all nodes of a cluster', async () => {
    const node = await startRedis(
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    );
    const direct = connect(node.url);
    const cluster = new Cluster([{ host: '127.0.0.1', port: node.port }]);
    clients.push(direct, cluster);
    try {
      await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await until('the cluster stands', async () =>
        String(await direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      );
      const inbox = new RedisNotificationInbox(cluster, {}, { beatMs: 50 });
      const claim = await claimed(inbox);
      await expect(stateOf(inbox)).resolves.toBe('running');
      await direct.pexpire(NAME, 5_000);
      await until('it is renewed', async () => (await direct.pttl(NAME)) > 20_000);
      await claim.done();
      await expect(stateOf(inbox)).resolves.toBe('done');
      await (await claimed(inbox, 'other')).release();
      await expect(stateOf(inbox, 'other')).resolves.toBe('claimed');
    } finally {
      for (const client of clients.splice(0)) client.disconnect();
      await node.close();
    }
  }, 40_000);
});
