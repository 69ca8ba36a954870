import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { inboxMigration, removeOldClaims } from 'nestjs-wechatpay/postgres';
import type { Pool } from 'pg';
import { quietPool, transaction } from '../support/postgres.js';
import { describeWithProgram } from '../support/requires.js';
import { startPostgres, type TestServer } from '../support/servers.js';

const DAY_MS = 24 * 3_600_000;

describeWithProgram('postgres', 'the inbox in PostgreSQL', () => {
  let server: TestServer;
  let pool: Pool;

  beforeAll(async () => {
    server = await startPostgres();
    pool = quietPool(server.url);
    await pool.query(inboxMigration());
  }, 40_000);
  afterAll(async () => {
    await pool?.end();
    await server?.close();
  }, 30_000);

  const indexes = async (table: string): Promise<string[]> => {
    const { rows } = await pool.query<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes WHERE schemaname || '.' || tablename = $1 ORDER BY indexdef`,
      [table],
    );
    return rows.map(({ indexdef }) => indexdef.replace(/^.* USING /, ''));
  };

  describe('is made by a migration', () => {
    it('that keeps what is there when it runs again', async () => {
      await pool.query(`INSERT INTO wechatpay_inbox VALUES ('kept', 'h', 'n', now())`);
      await pool.query(inboxMigration());
      const { rows } = await pool.query('SELECT event_key FROM wechatpay_inbox');
      expect(rows).toEqual([{ event_key: 'kept' }]);
      const twice = pool.query(`INSERT INTO wechatpay_inbox VALUES ('kept', 'h', 'n2', now())`);
      await expect(twice).rejects.toMatchObject({ code: '23505' });
    });

    const long = 'i'.repeat(63);
    it.each([
      ['wechatpay_inbox', 'public.wechatpay_inbox'],
      ['shop.inbox', 'shop.inbox'],
      [long, `public.${long}`],
      [`shop.${long}`, `shop.${long}`],
      ['Inbox', 'public.inbox'],
    ])('with its index, called %s', async (name, found) => {
      await pool.query('CREATE SCHEMA IF NOT EXISTS shop');
      for (const statement of inboxMigration(name).split(';\n')) {
        if (statement !== '') await pool.query(statement);
      }
      expect(await indexes(found)).toEqual(['btree (claimed_at)', 'btree (event_key, handler)']);
    });

    it.each([
      '',
      'a b',
      'a;DROP TABLE b',
      'a.b.c',
      '1a',
      'a"',
      'ä',
      `${long}i`,
      undefined as never,
    ])('unless %j is no name of a table', (name) => {
      if (name === undefined) expect(inboxMigration(name)).toContain('wechatpay_inbox');
      else expect(() => inboxMigration(name)).toThrow(TypeError);
    });
  });

  describe('is cleaned', () => {
    beforeEach(() => pool.query('TRUNCATE wechatpay_inbox'));

    const fill = (count: number, days: number, table = 'wechatpay_inbox') =>
      pool.query(
        `INSERT INTO ${table} SELECT $2::text || ':' || at, 'h', 'n', now() - $2::text::float8 * interval '1 day'
         FROM generate_series(1, $1::int) AS at`,
        [count, String(days)],
      );
    const left = async (table = 'wechatpay_inbox'): Promise<number> => {
      const { rows } = await pool.query<{ left: number }>(
        `SELECT count(*)::int AS left FROM ${table}`,
      );
      return rows[0]?.left ?? NaN;
    };

    it('of claims older than thirty days, and of no younger ones', async () => {
      await fill(2_500, 30.01);
      await fill(10, 29.99);
      await expect(removeOldClaims(pool)).resolves.toBe(2_500);
      await expect(left()).resolves.toBe(10);
      await expect(removeOldClaims(pool)).resolves.toBe(0);
      await expect(removeOldClaims(pool, { olderThanMs: 2 * DAY_MS })).resolves.toBe(10);
    });

    it('of the oldest first, and of no more than a thousand batches a run', async () => {
      await fill(5, 40);
      await fill(1_000, 50);
      await expect(removeOldClaims(pool, { batch: 1 })).resolves.toBe(1_000);
      const { rows } = await pool.query(
        'SELECT DISTINCT left(event_key, 2) AS days FROM wechatpay_inbox',
      );
      expect(rows).toEqual([{ days: '40' }]);
      await expect(removeOldClaims(pool, { batch: 1 })).resolves.toBe(5);
    });

    it('by several at once, beside a transaction that has a row', async () => {
      await fill(5_000, 31);
      const counts = await transaction(pool, async (tx) => {
        await tx.query(`SELECT 1 FROM wechatpay_inbox WHERE event_key = '31:1' FOR UPDATE`);
        const jobs = Array.from({ length: 4 }, () => removeOldClaims(pool, { batch: 100 }));
        return Promise.all(jobs);
      });
      const removed = counts.reduce((sum, count) => sum + count, 0);
      expect(removed + (await left())).toBe(5_000);
      await removeOldClaims(pool);
      await expect(left()).resolves.toBe(0);
    });

    it('in another table, through whatever gives rows', async () => {
      await pool.query('CREATE SCHEMA IF NOT EXISTS shop');
      await pool.query(inboxMigration('shop.events'));
      await fill(3, 31, 'shop.events');
      await fill(3, 31);
      const client = {
        query: async (sql: string, values: unknown[]) => (await pool.query(sql, values)).rows,
      };
      await expect(removeOldClaims(client, { table: 'shop.events' })).resolves.toBe(3);
      await expect(left('shop.events')).resolves.toBe(0);
      await expect(left()).resolves.toBe(3);
    });

    it.each([[undefined], [{}], [[]], [[{}]], [[{ REMOVED: 1 }]]])(
      'by a client that gives rows: not by one that gives %j',
      async (answer) => {
        const client = { query: () => Promise.resolve(answer) };
        await expect(removeOldClaims(client)).rejects.toThrow(TypeError);
      },
    );

    it.each([
      [{ olderThanMs: 2 * DAY_MS - 1 }, RangeError],
      [{ olderThanMs: 3_651 * DAY_MS }, RangeError],
      [{ olderThanMs: NaN }, RangeError],
      [{ batch: 0 }, RangeError],
      [{ batch: 1.5 }, RangeError],
      [{ batch: 100_001 }, RangeError],
      [{ table: 'a;b' }, TypeError],
    ])('with settings in their range: not with %j', async (options, kind) => {
      await fill(3, 3_651);
      await expect(removeOldClaims(pool, options)).rejects.toThrow(kind);
      await expect(left()).resolves.toBe(3);
    });
  });
});
