import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SqlTransaction } from 'nestjs-wechatpay';
import { inboxMigration } from 'nestjs-wechatpay/postgres';
import { Client, type ClientBase, type Pool } from 'pg';
import { claimInTransaction } from '../../lib/notification/transactional-claim.js';
import { ISOLATIONS, quietPool, transaction } from '../support/postgres.js';
import { describeWithProgram } from '../support/requires.js';
import { startPostgres, until, type TestServer } from '../support/servers.js';

const BUSY = { name: 'WechatPayNotificationError', code: 'NOTIFICATION_BUSY', isRetryable: true };
const DUPLICATES = 16;

/** Two lines around a library, as the documentation shows them. Only `pg` itself is installed. */
const shapes: readonly (readonly [string, (client: ClientBase) => SqlTransaction])[] = [
  ['pg', (client) => client],
  [
    'a QueryRunner of TypeORM, which gives rows',
    (client) => ({ query: async (sql, values) => (await client.query(sql, values)).rows }),
  ],
  [
    'Prisma, which takes each value as an argument',
    (client) => {
      const $queryRawUnsafe = async (sql: string, ...values: unknown[]): Promise<unknown[]> =>
        (await client.query(sql, values)).rows;
      return { query: (sql, values) => $queryRawUnsafe(sql, ...values) };
    },
  ],
  [
    'Knex, which wants question marks',
    (client) => {
      const raw = (sql: string, bindings: unknown[]) => {
        let at = 0;
        return client.query(
          sql.replace(/\?/g, () => `$${(at += 1)}`),
          bindings,
        );
      };
      return { query: (sql, values) => raw(sql.replace(/\$\d/g, '?'), values) };
    },
  ],
  [
    'Drizzle, which takes a text in pieces with values between them',
    (client) => {
      const execute = (pieces: readonly string[], values: readonly unknown[]) =>
        client.query(
          pieces.reduce((before, piece, at) => `${before}$${at}${piece}`),
          [...values],
        );
      return { query: (sql, values) => execute(sql.split(/\$\d/), values) };
    },
  ],
  [
    'names in camelCase',
    (client) => ({
      query: async (sql, values) => {
        const { rows } = await client.query<Record<string, unknown>>(sql, values);
        const camel = (name: string): string =>
          name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
        return rows.map((row) =>
          Object.fromEntries(Object.entries(row).map(([name, value]) => [camel(name), value])),
        );
      },
    }),
  ],
];

describeWithProgram('postgres', 'a claim inside a transaction', () => {
  let server: TestServer;
  let pool: Pool;

  beforeAll(async () => {
    server = await startPostgres();
    pool = quietPool(server.url);
    await pool.query(inboxMigration());
  }, 40_000);
  beforeEach(() => pool.query('TRUNCATE wechatpay_inbox'));
  afterAll(async () => {
    await pool?.end();
    await server?.close();
  }, 30_000);

  const event = (key = 'order-0001', handler = 'Orders.credit') => ({
    key,
    handler,
    notificationId: 'n-1',
  });
  const claim = (tx: SqlTransaction, of = event(), table?: string): Promise<boolean> =>
    claimInTransaction(tx, of, table);
  const rows = async (table = 'wechatpay_inbox'): Promise<unknown[]> =>
    (await pool.query(`SELECT event_key, handler, notification_id FROM ${table}`)).rows;
  /** A promise and what resolves it. */
  const gate = (): readonly [Promise<void>, () => void] => {
    let open: () => void = () => undefined;
    return [new Promise<void>((resolve) => (open = resolve)), () => open()];
  };

  describe.each(ISOLATIONS)('that is %s', (isolation) => {
    it('succeeds for one of 16 at once on a pool of 10; the others learn at once that it is busy', async () => {
      const [held, letGo] = gate();
      const settled: unknown[] = [];
      const started = performance.now();
      const all = Array.from({ length: DUPLICATES }, () =>
        transaction(
          pool,
          async (tx) => {
            const isNew = await claim(tx);
            await held;
            return isNew;
          },
          isolation,
        ).then(
          (isNew) => settled.push(isNew),
          (error: unknown) => settled.push(error),
        ),
      );
      // while the first transaction is open
      await until('all others have ended', () => settled.length === DUPLICATES - 1, 5_000);
      expect(performance.now() - started).toBeLessThan(1_500);
      for (const outcome of settled) expect(outcome).toMatchObject(BUSY);
      letGo();
      await Promise.all(all);
      expect(settled.at(-1)).toBe(true);
      await expect(transaction(pool, claim, isolation)).resolves.toBe(false);
      expect(await rows()).toEqual([
        { event_key: 'order-0001', handler: 'Orders.credit', notification_id: 'n-1' },
      ]);
    });

    it('is new again after a rollback', async () => {
      const undone = transaction(
        pool,
        async (tx) => {
          expect(await claim(tx)).toBe(true);
          throw new Error('no stock');
        },
        isolation,
      );
      await expect(undone).rejects.toThrow('no stock');
      await expect(transaction(pool, claim, isolation)).resolves.toBe(true);
    });

    it('succeeds once in a storm of duplicates, whatever the moment', async () => {
      for (let round = 0; round < 20; round += 1) {
        const outcomes = await Promise.allSettled(
          Array.from({ length: DUPLICATES }, () =>
            transaction(pool, (tx) => claim(tx, event(`storm-${round}`)), isolation),
          ),
        );
        const won = outcomes.filter((one) => one.status === 'fulfilled' && one.value);
        expect(won).toHaveLength(1);
        for (const one of outcomes) {
          if (one.status === 'fulfilled') continue;
          // a snapshot from before the commit: PostgreSQL refuses to say "done" there
          const code = isolation === 'READ COMMITTED' ? /^NOTIFICATION_BUSY$/ : /BUSY|^40001$/;
          expect((one.reason as { code?: string }).code).toMatch(code);
        }
      }
    });

    it('never succeeds in a transaction that began before the event was handled', async () => {
      const late = transaction(
        pool,
        async (tx) => {
          await tx.query('SELECT 1 FROM wechatpay_inbox');
          await expect(transaction(pool, claim, isolation)).resolves.toBe(true);
          return claim(tx);
        },
        isolation,
      );
      if (isolation === 'READ COMMITTED') await expect(late).resolves.toBe(false);
      else await expect(late).rejects.toMatchObject({ code: '40001' });
    });

    it('leaves other events and other handlers alone', async () => {
      const events = Array.from({ length: 50 }, (_, at) => event(`other-${at}`));
      const claims = [...events, event('other-0', 'Mails.send')].map((of) =>
        transaction(pool, (tx) => claim(tx, of), isolation),
      );
      for (const isNew of await Promise.all(claims)) expect(isNew).toBe(true);
    });
  });

  it.each(shapes)('works through %s', async (_, shape) => {
    const first = transaction(pool, async (tx) => {
      const isNew = await claim(shape(tx));
      await expect(transaction(pool, (other) => claim(shape(other)))).rejects.toMatchObject(BUSY);
      return isNew;
    });
    await expect(first).resolves.toBe(true);
    await expect(transaction(pool, (tx) => claim(shape(tx)))).resolves.toBe(false);
  });

  it('works through a client without a pool', async () => {
    const client = new Client(server.url);
    await client.connect();
    try {
      await client.query('BEGIN');
      await expect(claim(client)).resolves.toBe(true);
      await expect(claim(client)).resolves.toBe(false); // its own
      await client.query('ROLLBACK');
      await expect(transaction(pool, claim)).resolves.toBe(true);
    } finally {
      await client.end();
    }
  });

  it('is undone by going back to a savepoint', async () => {
    await transaction(pool, async (tx) => {
      await tx.query('SAVEPOINT before');
      await expect(claim(tx)).resolves.toBe(true);
      await tx.query('ROLLBACK TO before');
      await expect(transaction(pool, claim)).resolves.toBe(true);
    });
  });

  it('is undone when the process dies or its connection is cut', async () => {
    const client = new Client(server.url);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await expect(claim(client)).resolves.toBe(true);
    const [{ pid }] = (await client.query('SELECT pg_backend_pid() AS pid')).rows as [
      { pid: number },
    ];
    await pool.query('SELECT pg_terminate_backend($1)', [pid]);
    await until('it is free', () =>
      transaction(pool, claim).then(
        (isNew) => isNew,
        () => false,
      ),
    );
    expect(await rows()).toHaveLength(1);
  });

  it('works in a table of another name and schema', async () => {
    await pool.query('CREATE SCHEMA pay');
    await pool.query(inboxMigration('pay.inbox'));
    const there = (tx: SqlTransaction): Promise<boolean> => claim(tx, event(), 'pay.inbox');
    await expect(transaction(pool, there)).resolves.toBe(true);
    await expect(transaction(pool, there)).resolves.toBe(false);
    expect(await rows('pay.inbox')).toHaveLength(1);
    expect(await rows()).toEqual([]);
  });

  it.each<[string, () => Promise<SqlTransaction>]>([
    ['a pool', () => Promise.resolve(pool)],
    [
      'a client before BEGIN',
      () => Promise.resolve({ query: async (...args) => one((client) => client.query(...args)) }),
    ],
    [
      'a pool that was told to BEGIN',
      async () => {
        await one((client) => client.query('BEGIN'));
        return pool;
      },
    ],
  ])('is refused outside of a transaction, and nothing is claimed: %s', async (_, make) => {
    const tx = await make();
    await expect(claim(tx)).rejects.toThrow('needs a transaction that has begun');
    await expect(claim(tx)).rejects.toThrow(TypeError);
    expect(await rows()).toEqual([]);
    await expect(transaction(pool, claim)).resolves.toBe(true);
  });
  async function one<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client(server.url);
    await client.connect();
    try {
      return await ask(client);
    } finally {
      await client.end();
    }
  }

  it('fails as the transaction does, when there is no table', async () => {
    const missing = transaction(pool, (tx) => claim(tx, event(), 'nowhere'));
    await expect(missing).rejects.toMatchObject({ code: '42P01' });
  });
});
