import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { Queue } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import { BullNotificationQueue, type BullNotificationQueueOptions } from 'nestjs-wechatpay/bullmq';
import { WechatPayEmulator, type EmulatorSignedNotification } from 'nestjs-wechatpay-emulator';
import { MCHID_B, QueueShop, type QueueShopOptions, type Work } from '../support/queue-shop.js';
import { describeWithProgram } from '../support/requires.js';
import { startRedis, until, type TestServer } from '../support/servers.js';

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const PREFIX = '{wechatpay}';

describeWithProgram('redis-server', 'notifications queued on BullMQ', () => {
  let server: TestServer;
  let emulator: WechatPayEmulator;
  let admin: Redis;
  /** BullMQ as anybody else uses it who reaches the server. */
  let stranger: Queue;
  let name: string;
  let count = 0;
  const shops: QueueShop[] = [];
  const credit = jest.fn<Work>();
  const mail = jest.fn<Work>();

  beforeAll(async () => {
    [server, emulator] = await Promise.all([
      startRedis('--appendfsync', 'always'),
      WechatPayEmulator.start(),
    ]);
    await emulator.addMerchant({ mchid: MCHID_B });
    admin = new Redis(server.url);
    admin.on('error', () => undefined);
  }, 40_000);
  beforeEach(() => {
    name = `queue-${(count += 1)}`;
    stranger = new Queue(name, { connection: admin, prefix: PREFIX });
    stranger.on('error', () => undefined);
  });
  afterEach(async () => {
    for (const shop of shops.splice(0)) await shop.close();
    await stranger.close();
    for (const mock of [credit, mail]) mock.mockReset();
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all([server.close(), emulator.close()]);
  });

  async function open(
    settings: Partial<BullNotificationQueueOptions> = {},
    options: Partial<QueueShopOptions> = {},
  ): Promise<QueueShop> {
    const queue = new BullNotificationQueue({
      connection: server.url,
      name,
      backoff: { firstMs: 10, longestMs: 50 },
      ...settings,
    });
    const shop = await QueueShop.start(emulator, { queue, credit, mail, ...options });
    shops.push(shop);
    return shop;
  }
  const credited = (): string[] => credit.mock.calls.flat().sort();
  const jobs = async () =>
    stranger.getJobCounts('completed', 'failed', 'delayed', 'wait', 'active');
  const finished = (completed: number, failed = 0): Promise<void> =>
    until('all jobs have ended', async () => {
      const counts = await jobs();
      return counts['completed'] === completed && counts['failed'] === failed;
    });
  const numbers = (many: number): string[] =>
    Array.from({ length: many }, (_, at) => `order-${String(at).padStart(4, '0')}`);
  /** A job as the shop itself writes it. */
  const jobOf = ({ headers, body }: EmulatorSignedNotification, merchant = 'default') => ({
    merchant,
    receivedAtMs: Date.now(),
    headers: Object.fromEntries(
      Object.entries(headers)
        .map(([field, value]) => [field.toLowerCase(), value] as const)
        .filter(([field]) => field.startsWith('wechatpay-')),
    ),
    body: Buffer.from(body).toString('base64'),
  });

  it('are accepted, handled once, and done', async () => {
    const shop = await open();
    await expect(shop.deliver('order-0001')).resolves.toBe(204);
    await finished(1);
    expect(credited()).toEqual(['order-0001']);
    expect(mail).toHaveBeenCalledTimes(1);
    expect(shop.logged('warn', 'error')).toEqual([]);
  });

  it('are answered before their handlers have finished', async () => {
    let finish: () => void = () => undefined;
    credit.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
    const shop = await open();
    await expect(shop.deliver('order-0001')).resolves.toBe(204);
    await until('the handler runs', () => credit.mock.calls.length === 1);
    finish();
    await finished(1);
  });

  it('are handled again when a handler failed, and only by that handler', async () => {
    const fail = (): never => {
      throw new Error(`no mail to ${OPENID}`);
    };
    mail.mockImplementationOnce(fail).mockImplementationOnce(fail);
    const shop = await open();
    await expect(shop.deliver('order-0001')).resolves.toBe(204);
    await finished(1);
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 3]);
    expect(shop.logged('error')).toEqual([
      expect.stringContaining('Mails.send failed; the queue tries again'),
      expect.stringContaining('Mails.send failed'),
    ]);
  });

  it('stay as dead letters after the last attempt, told by the number of the notification', async () => {
    mail.mockImplementation(() => Promise.reject(new Error(`no mail to ${OPENID}`)));
    const shop = await open({ attempts: 2 });
    const sent = shop.paid('order-0001');
    const { id } = JSON.parse(sent.body.toString()) as { id: string };
    await expect(shop.deliver(sent)).resolves.toBe(204);
    await finished(0, 1);
    await until('it is told', () => shop.logged('error').length === 3);
    expect(shop.logged('error')[2]).toContain(`The notification ${id} was not handled`);
    mail.mockReset();
    const [dead] = await stranger.getFailed();
    await dead?.retry('failed');
    await finished(1);
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 1]);
  });

  it('leave nothing in Redis that names a person, whatever handlers throw', async () => {
    mail.mockImplementation(() => Promise.reject(new Error(`no mail to ${OPENID}`)));
    const shop = await open({ attempts: 1 });
    await shop.deliver('order-0001');
    await finished(0, 1);
    mail.mockReset();
    await shop.deliver('order-0002');
    await finished(1, 1);
    const seen: string[] = [];
    for (const key of await admin.keys('*')) {
      const text = await admin.dumpBuffer(key).then((dump) => dump?.toString('latin1') ?? '');
      const plain =
        key.includes(`${name}:`) && (await admin.type(key)) === 'hash'
          ? JSON.stringify(await admin.hgetall(key))
          : '';
      seen.push(text, plain);
    }
    const all = seen.join('\n');
    expect(all).toContain('wechatpay-signature'); // it is read as it lies there
    for (const secret of [OPENID, Buffer.from(OPENID).toString('base64').slice(0, 30), 'no mail']) {
      expect(all).not.toContain(secret);
    }
    for (const [body] of all.matchAll(/[A-Za-z0-9+/]{400,}={0,2}/g)) {
      expect(Buffer.from(body, 'base64').toString()).not.toContain('openid');
    }
  });

  it('are handled once, however often they are delivered', async () => {
    const shop = await open();
    const sent = shop.paid('order-0001');
    const statuses = await Promise.all(Array.from({ length: 16 }, () => shop.deliver(sent)));
    expect(statuses).toEqual(Array.from({ length: 16 }, () => 204));
    await finished(16);
    expect([credit.mock.calls.length, mail.mock.calls.length]).toEqual([1, 1]);
  });

  it('of two merchants go through one queue, each to its own', async () => {
    const shop = await open({}, { hasShopB: true });
    await expect(shop.deliver('order-000a')).resolves.toBe(204);
    await expect(shop.deliver('order-000b', 'shop-b')).resolves.toBe(204);
    await finished(2);
    expect(credited()).toEqual(['order-000a', 'order-000b']);
  });

  it('wait for a merchant that is not there, and are not lost', async () => {
    const first = await open({ concurrency: 0 }, { hasShopB: true });
    await expect(first.deliver('order-000b', 'shop-b')).resolves.toBe(204);
    await first.close();
    const without = await open();
    await until(
      'it was tried again',
      async () => ((await stranger.getDelayed())[0]?.attemptsMade ?? 0) > 1,
    );
    expect(credit).not.toHaveBeenCalled();
    expect(without.logged('error')).toEqual([
      expect.stringMatching(/its merchant is not registered.*somebody can write/),
    ]);
    expect(without.logged('warn').join()).toContain('its merchant is not registered');
    await without.close();
    await open({}, { hasShopB: true });
    await finished(1);
    expect(credited()).toEqual(['order-000b']);
  });

  describe('that somebody else has written', () => {
    const isForged = /refused for good .*somebody can write to the queue's Redis/i;
    const forgeries: [string, (shop: QueueShop) => unknown, RegExp][] = [
      [
        'with a body that was changed',
        (shop) => {
          const job = jobOf(shop.paid('order-0001'));
          return {
            ...job,
            body: Buffer.from(`${Buffer.from(job.body, 'base64').toString()} `).toString('base64'),
          };
        },
        /SIGNATURE_INVALID/,
      ],
      [
        'with a time that its signature does not have',
        (shop) => ({ ...jobOf(shop.paid('order-0001')), receivedAtMs: Date.now() - 400_000 }),
        /SIGNATURE_EXPIRED/,
      ],
      [
        'with a signature of its own',
        (shop) => {
          const job = jobOf(shop.paid('order-0001'));
          return { ...job, headers: { ...job.headers, 'wechatpay-signature': 'A'.repeat(344) } };
        },
        /SIGNATURE_INVALID/,
      ],
      [
        'with the payment of another merchant',
        () =>
          jobOf(
            emulator.createNotification('TRANSACTION.SUCCESS', {
              mchid: MCHID_B,
              out_trade_no: 'order-0001',
            }),
          ),
        /REQUEST_INVALID/,
      ],
      [
        'with another header',
        (shop) => {
          const job = jobOf(shop.paid('order-0001'));
          return { ...job, headers: { ...job.headers, cookie: 'x' } };
        },
        /NOTIFICATION_REFUSED/,
      ],
      [
        'with a body that is no Base64',
        (shop) => ({ ...jobOf(shop.paid('order-0001')), body: '{"a"}' }),
        /NOTIFICATION_REFUSED/,
      ],
      ['that are rubbish', () => ['rubbish'], /NOTIFICATION_REFUSED/],
      ['that are nothing', () => null, /NOTIFICATION_REFUSED/],
    ];
    it.each(forgeries)('%s are refused for good, with one error', async (_title, forge, code) => {
      const shop = await open();
      await stranger.add('notification', forge(shop), { attempts: 5 });
      await finished(0, 1);
      await expect(shop.deliver('order-0002')).resolves.toBe(204);
      await finished(1, 1);
      expect(credited()).toEqual(['order-0002']);
      expect(shop.logged('error')).toEqual([expect.stringMatching(isForged)]);
      expect(shop.logged('error')[0]).toMatch(code);
      expect((await stranger.getFailed())[0]?.attemptsMade).toBe(1);
    });

    it('and that are no JSON are refused, and quoted nowhere', async () => {
      const shop = await open();
      const job = await stranger.add('notification', {}, { delay: 3_600_000 });
      await admin.hset(`${PREFIX}:${name}:${job.id}`, 'data', `rubbish of ${OPENID}`);
      await job.promote();
      await finished(0, 1);
      expect(shop.logged('error')).toEqual([expect.stringMatching(isForged)]);
      expect(shop.notify.logger.textOf()).not.toContain('rubbish');
    });

    it('for the wrong merchant are never handled', async () => {
      const shop = await open({}, { hasShopB: true });
      await stranger.add('notification', jobOf(shop.paid('order-0001'), 'shop-b'), {
        attempts: 2,
        backoff: 10,
      });
      await finished(0, 1);
      expect(credit).not.toHaveBeenCalled();
      expect(shop.logged('error').join('\n')).toContain('does not decrypt');
    });
  });

  describe('on a Redis that fails', () => {
    afterEach(async () => {
      await server.restart();
      await until('we reach it', () =>
        admin.ping().then(
          (pong) => pong === 'PONG',
          () => false,
        ),
      );
    }, 30_000);

    it('are all there after a SIGKILL of it, and all are handled', async () => {
      const accepting = await open({ concurrency: 0 });
      const statuses = await Promise.all(numbers(60).map((no) => accepting.deliver(no)));
      expect(new Set(statuses)).toEqual(new Set([204]));
      await server.kill();
      await server.restart();
      await accepting.close();
      await open();
      await finished(60);
      expect(credited()).toEqual(numbers(60));
    }, 40_000);

    it('are handled to the end though it is killed while their handlers run', async () => {
      let finish: () => void = () => undefined;
      const isHeld = new Promise<void>((resolve) => (finish = resolve));
      credit.mockImplementation(() => isHeld);
      const shop = await open({ concurrency: 5 });
      await Promise.all(numbers(20).map((no) => shop.deliver(no)));
      await until('five run', () => credit.mock.calls.length === 5);
      await server.kill();
      finish();
      await server.restart();
      await until('all were handled', () => new Set(credited()).size === 20, 30_000);
      expect(credited()).toEqual(numbers(20));
    }, 60_000);

    it('are refused within the time while it is away, and taken again once it is back', async () => {
      const shop = await open({ enqueueTimeoutMs: 500 });
      await expect(shop.deliver('order-0001')).resolves.toBe(204);
      await finished(1);
      await server.kill();
      const startedMs = performance.now();
      const statuses = await Promise.all(numbers(5).map((no) => shop.deliver(no)));
      expect(performance.now() - startedMs).toBeLessThan(1_500);
      expect(new Set(statuses)).toEqual(new Set([503]));
      expect(shop.logged('error').join()).toContain('The queue did not take a notification');
      await server.restart();
      await until('it is taken', async () => (await shop.deliver('order-0002')) === 204);
      await until('it is handled', () => credited().includes('order-0002'));
    }, 40_000);

    it('are refused within the time while it is frozen, and taken again once it is not', async () => {
      const shop = await open({ enqueueTimeoutMs: 300 });
      await expect(shop.deliver('order-0001')).resolves.toBe(204);
      await server.freeze();
      for (const no of ['order-0002', 'order-0003', 'order-0004']) {
        const startedMs = performance.now();
        await expect(shop.deliver(no)).resolves.toBe(503);
        expect(performance.now() - startedMs).toBeLessThan(1_000);
      }
      server.thaw();
      await until('it is taken', async () => (await shop.deliver('order-0005')) === 204);
      await until('it is handled', () => credited().includes('order-0005'));
    }, 40_000);

    it('gather no heap while it is frozen', async () => {
      const queue = new BullNotificationQueue({
        connection: server.url,
        name,
        enqueueTimeoutMs: 250,
      });
      const job = { merchant: 'default', receivedAtMs: 0, headers: {}, body: '' };
      await queue.enqueue(job);
      await server.freeze();
      const large = { ...job, body: 'A'.repeat(2_796_200) };
      const outcome = () => queue.enqueue(large).then(() => 'taken', String);
      const [oneByOne, atOnce]: [string[], string[]] = [[], []];
      for (const _no of numbers(26)) oneByOne.push(await outcome());
      const isTooMuch = (text: string): boolean => text.includes('too many jobs unanswered');
      expect(oneByOne[0]).toContain('within 250 ms');
      expect(oneByOne.filter(isTooMuch)).toEqual([]); // each is let go when it is given up on
      expect(oneByOne).not.toContain('taken');
      atOnce.push(...(await Promise.all(numbers(26).map(outcome))));
      expect(atOnce.filter(isTooMuch).length).toBeGreaterThanOrEqual(3);
      await queue.close();
      server.thaw();
    }, 40_000);

    it('may be received by a shop that started before it', async () => {
      await server.kill();
      const shop = await open({ enqueueTimeoutMs: 200 });
      expect(shop.logged('warn').join()).toContain('cannot be reached yet');
      await expect(shop.deliver('order-0001')).resolves.toBe(503);
      await server.restart();
      await until('it is taken', async () => (await shop.deliver('order-0001')) === 204);
      await until('it is handled', () => credit.mock.calls.length === 1);
    }, 40_000);

    it('do not keep a shop from closing', async () => {
      const shop = await open({ closeTimeoutMs: 500 });
      await shop.deliver('order-0001');
      await finished(1);
      await server.freeze();
      const startedMs = performance.now();
      await shop.close();
      expect(performance.now() - startedMs).toBeLessThan(3_000);
      server.thaw();
      await server.kill();
      const other = await open({ closeTimeoutMs: 500, enqueueTimeoutMs: 100 });
      await other.close();
    }, 40_000);
  });

  describe('on a Redis that does not keep them', () => {
    let forgetful: TestServer;
    let configuration: Redis;

    beforeAll(async () => {
      forgetful = await startRedis('--appendonly', 'no');
      configuration = new Redis(forgetful.url);
    }, 30_000);
    beforeEach(async () => {
      await configuration.config('SET', 'appendonly', 'no');
      await configuration.config('SET', 'maxmemory-policy', 'noeviction');
    });
    afterAll(async () => {
      configuration.disconnect();
      await forgetful.close();
    });
    const connections = async () =>
      String(await configuration.client('LIST'))
        .trim()
        .split('\n').length;

    it('end the start, with what to do', async () => {
      const error: unknown = await open({ connection: forgetful.url }).catch((e: unknown) => e);
      expect(error).toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringContaining('set appendonly yes'),
      });
      await until('nothing is connected', async () => (await connections()) === 1);
    });

    it('end the start when keys may be evicted', async () => {
      await configuration.config('SET', 'appendonly', 'yes');
      await configuration.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await expect(open({ connection: forgetful.url })).rejects.toMatchObject({
        message: expect.stringMatching(/allkeys-lru.*maxmemory-policy noeviction/),
      });
    });

    it('are taken with a loud warning, when that was said', async () => {
      const shop = await open({ connection: forgetful.url, durability: 'warn' });
      expect(shop.logged('warn')).toEqual([expect.stringContaining('MAY BE LOST')]);
      await expect(shop.deliver('order-0001')).resolves.toBe(204);
      await until('it is handled', () => credit.mock.calls.length === 1);
      expect(shop.logged('warn')).toHaveLength(1);
    });

    it('are refused when it is found out later', async () => {
      await forgetful.kill();
      const shop = await open({ connection: forgetful.url, enqueueTimeoutMs: 200 });
      await forgetful.restart();
      await until('it says why', async () => {
        expect(await shop.deliver('order-0001')).toBe(503);
        return shop.logged('error').join().includes('set appendonly yes');
      });
      expect(credit).not.toHaveBeenCalled();
    }, 30_000);
  });

  it('of one merchant do not take the place of others', async () => {
    let finish: () => void = () => undefined;
    const isHeld = new Promise<void>((resolve) => (finish = resolve));
    let running = 0;
    let most = 0;
    credit.mockImplementation(async (no) => {
      if (no.endsWith('b')) return;
      running += 1;
      most = Math.max(most, running);
      await isHeld;
      running -= 1;
    });
    const shop = await open(
      { concurrency: 4, concurrencyPerMerchant: 2, attempts: 1 },
      { hasShopB: true },
    );
    for (const no of numbers(6)) await shop.deliver(no);
    await shop.deliver('order-000b', 'shop-b');
    await until('the other one is handled', () => credited().includes('order-000b'));
    expect([running, most]).toEqual([2, 2]);
    finish();
    await finished(7);
    expect(most).toBe(2);
    expect(shop.logged('error')).toEqual([]);
  });

  describe('when the application closes', () => {
    const connections = async () =>
      String(await admin.client('LIST'))
        .trim()
        .split('\n').length;

    it('are finished where they run, and left in the queue where they do not', async () => {
      const before = await connections();
      let finish: () => void = () => undefined;
      credit.mockImplementationOnce(() => new Promise<void>((resolve) => (finish = resolve)));
      const shop = await open({ concurrency: 1 });
      await shop.deliver('order-0001');
      await until('the handler runs', () => credit.mock.calls.length === 1);
      await shop.deliver('order-0002');
      const working = await connections();
      const closed = shop.close();
      await until('it takes no more', async () => (await connections()) < working);
      finish();
      await closed;
      expect(await jobs()).toMatchObject({ completed: 1, wait: 1, active: 0 });
      await until('its connections have ended', async () => (await connections()) === before);
      await open();
      await finished(2);
      expect(credited()).toEqual(['order-0001', 'order-0002']);
    });

    it('are waited for only so long', async () => {
      const before = await connections();
      credit.mockImplementationOnce(() => new Promise<void>(() => undefined));
      const shop = await open({ closeTimeoutMs: 200 });
      await shop.deliver('order-0001');
      await until('the handler runs', () => credit.mock.calls.length === 1);
      const startedMs = performance.now();
      await shop.close();
      expect(performance.now() - startedMs).toBeLessThan(3_000);
      await until('its connections have ended', async () => (await connections()) === before);
      expect(await jobs()).toMatchObject({ completed: 0, active: 1 });
    });

    it('are not accepted any more, and a queue is not used a second time', async () => {
      const queue = new BullNotificationQueue({ connection: server.url, name });
      const shop = await QueueShop.start(emulator, { queue });
      await expect(QueueShop.start(emulator, { queue })).rejects.toMatchObject({
        message: expect.stringContaining('belongs to one application'),
      });
      await expect(shop.deliver('order-0001')).resolves.toBe(204);
      await shop.close();
      await expect(queue.enqueue(jobOf(shop.paid('order-0001')))).rejects.toMatchObject({
        code: 'STORE_FAILED',
      });
      await queue.close();
    });
  });

  it.each([
    [
      'options',
      () => ({ host: '127.0.0.1', port: server.port, keyPrefix: 'shop:', commandTimeout: 50 }),
    ],
    ['a client of the application', () => admin],
  ])('reach Redis by %s', async (_title, connection) => {
    const shop = await open({ connection: connection() });
    await expect(shop.deliver('order-0001')).resolves.toBe(204);
    await finished(1);
    await shop.close();
    await expect(admin.ping()).resolves.toBe('PONG');
  });

  it('go through a cluster, whose every master has to keep them', async () => {
    const node = await startRedis('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    const direct = new Redis(node.url);
    const cluster = new Cluster([{ host: '127.0.0.1', port: node.port }], { lazyConnect: true });
    try {
      await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await until('the cluster stands', async () =>
        String(await direct.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      );
      const shop = await open({ connection: cluster });
      await expect(shop.deliver('order-0001')).resolves.toBe(204);
      await until('it is handled', () => credit.mock.calls.length === 1);
      await shop.close();
      await direct.config('SET', 'appendonly', 'no');
      const patient = { connection: cluster, enqueueTimeoutMs: 4_500 };
      await expect(open(patient)).rejects.toMatchObject({
        message: expect.stringContaining('set appendonly yes'),
      });
      await until('nothing is connected', async () => {
        const clients = String(await direct.client('LIST')).split('\n');
        return clients.filter((line) => line.includes('cmd=')).length === 1;
      });
    } finally {
      direct.disconnect();
      cluster.disconnect();
      await node.close();
    }
  }, 40_000);
});
