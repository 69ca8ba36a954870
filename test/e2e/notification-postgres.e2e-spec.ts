import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import {
  MemoryNotificationInbox,
  OnWechatPayNotification,
  WechatPayModule,
  type NotificationInbox,
  type WechatPayNotification,
} from 'nestjs-wechatpay';
import { WechatPayEmulator, type EmulatorSignedNotification } from 'nestjs-wechatpay-emulator';
import { inboxMigration } from 'nestjs-wechatpay/postgres';
import type { Pool, PoolClient } from 'pg';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp, type Answer } from '../support/notify-app.js';
import { quietPool, transaction } from '../support/postgres.js';
import { describeWithProgram } from '../support/requires.js';
import { startPostgres, type TestServer } from '../support/servers.js';

const PATH = '/wechatpay/notify';
const POOL = 'POOL';

/** What happens in the transaction after the order was credited. */
const afterCredit = jest.fn<(tx: PoolClient) => unknown>();

@Injectable()
class Orders {
  constructor(@Inject(POOL) private readonly pool: Pool) {}

  @OnWechatPayNotification('TRANSACTION.SUCCESS')
  async credit(notification: WechatPayNotification<'TRANSACTION.SUCCESS'>): Promise<void> {
    await transaction(this.pool, async (tx) => {
      if (!(await notification.claim(tx))) return;
      const { out_trade_no: no, amount } = notification.payload;
      await tx.query('UPDATE orders SET credited = credited + $2 WHERE no = $1', [
        no,
        amount.total,
      ]);
      await afterCredit(tx);
    });
  }
}

/** As if each delivery reached a process of its own. */
const nobodyElse: NotificationInbox = {
  claim: () =>
    Promise.resolve({
      state: 'claimed',
      done: () => Promise.resolve(),
      release: () => Promise.resolve(),
    }),
};

describeWithProgram('postgres', 'orders that are credited in a transaction with the claim', () => {
  let emulator: WechatPayEmulator;
  let server: TestServer;
  let pool: Pool;
  const apps: NotifyApp[] = [];

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    server = await startPostgres();
    pool = quietPool(server.url);
    await pool.query(inboxMigration());
    await pool.query('CREATE TABLE orders (no text PRIMARY KEY, credited int NOT NULL DEFAULT 0)');
  }, 60_000);
  beforeEach(async () => {
    await pool.query('TRUNCATE wechatpay_inbox, orders');
    await pool.query(`INSERT INTO orders SELECT 'order-' || at FROM generate_series(1, 50) AS at`);
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    afterCredit.mockReset();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.close();
    await emulator?.close();
  }, 30_000);

  async function start(inbox: NotificationInbox): Promise<NotifyApp> {
    @Module({
      imports: [
        WechatPayModule.forRoot({
          ...emulator.options(),
          inbox,
          notification: { path: PATH, ackTimeoutMs: 4_900 },
        }),
      ],
      providers: [Orders, { provide: POOL, useValue: pool }],
    })
    class AppModule {}
    const app = await NotifyApp.start(AppModule, { platform: 'express', rawBody: 'rawBody' });
    apps.push(app);
    return app;
  }
  const paid = (no = 'order-1'): EmulatorSignedNotification =>
    paidNotification(emulator, {}, { out_trade_no: no });
  const deliver = (to: NotifyApp, sent: EmulatorSignedNotification): Promise<Answer> =>
    to.post({ ...sent, path: PATH });
  const credited = async (no = 'order-1'): Promise<number | undefined> => {
    const { rows } = await pool.query<{ credited: number }>(
      'SELECT credited FROM orders WHERE no = $1',
      [no],
    );
    return rows[0]?.credited;
  };

  it.each<[string, () => NotificationInbox[]]>([
    ['one process', () => [new MemoryNotificationInbox()]],
    ['two processes', () => [new MemoryNotificationInbox(), new MemoryNotificationInbox()]],
    ['as many processes as deliveries', () => [nobodyElse]],
  ])('are credited once by 50 concurrent duplicates in %s', async (_, inboxes) => {
    const running: NotifyApp[] = [];
    for (const inbox of inboxes()) running.push(await start(inbox));
    const deliverAll = () =>
      Promise.all(
        Array.from({ length: 50 }, (__, at) =>
          deliver(running[at % running.length] as NotifyApp, paid()),
        ),
      );
    const statuses = (await deliverAll()).map(({ status }) => status);
    expect(new Set([204, 503, ...statuses])).toEqual(new Set([204, 503]));
    expect(statuses).toContain(204);
    expect(await credited()).toBe(100);
    const repeated = (await deliverAll()).map(({ status }) => status);
    expect(repeated).toContain(204);
    expect(await credited()).toBe(100);
    for (const { logger } of running) expect(logger.textOf('error')).toBe('');
  });

  it('are each credited once when all of them are paid at the same time', async () => {
    const app = await start(nobodyElse);
    const numbers = Array.from({ length: 50 }, (_, at) => `order-${at + 1}`);
    const answers = await Promise.all([...numbers, ...numbers].map((no) => deliver(app, paid(no))));
    expect(answers.filter(({ status }) => status === 204).length).toBeGreaterThanOrEqual(50);
    const { rows } = await pool.query('SELECT DISTINCT credited FROM orders');
    expect(rows).toEqual([{ credited: 100 }]);
  });

  it('are not credited by a handler that throws after it has claimed, and by the next delivery', async () => {
    const app = await start(new MemoryNotificationInbox());
    afterCredit.mockImplementationOnce(() => Promise.reject(new Error('no stock')));
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 500 });
    expect(await credited()).toBe(0);
    expect((await pool.query('SELECT 1 FROM wechatpay_inbox')).rows).toEqual([]);
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 204 });
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 204 });
    expect(await credited()).toBe(100);
  });

  it('are credited by the delivery after PostgreSQL was stopped, in the midst of it and before', async () => {
    const app = await start(nobodyElse);
    afterCredit.mockImplementationOnce(() => server.kill());
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 500 });
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 500 });
    await server.restart();
    expect(await credited()).toBe(0);
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 204 });
    await expect(deliver(app, paid())).resolves.toMatchObject({ status: 204 });
    expect(await credited()).toBe(100);
    expect(afterCredit).toHaveBeenCalledTimes(2);
  }, 60_000);
});
