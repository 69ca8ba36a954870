/** `--mode postgres`: an order is credited in the transaction that claims its event. */
import { Injectable } from '@nestjs/common';
import { OnWechatPayNotification } from 'nestjs-wechatpay';
import { inboxMigration } from 'nestjs-wechatpay/postgres';
import pg from 'pg';
import { startPostgres } from '../../postgres.mjs';

const COUNT = `SELECT
  (count(*) FILTER (WHERE credits = 0))::int AS lost,
  (count(*) FILTER (WHERE credits > 1))::int AS doubled
FROM (
  SELECT count(credits.no) AS credits
  FROM orders LEFT JOIN credits USING (no, fen) GROUP BY orders.no
) AS credited`;

/**
 * What the shops share.
 *
 * @returns `{ settings, restart(), drained(), check(), close() }`, the settings for {@link shopParts}
 */
export async function openBackend(orders) {
  const server = await startPostgres();
  const ask = async (sql, values) => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  await ask(inboxMigration());
  // Nothing but the claim keeps an order from being credited twice.
  await ask('CREATE TABLE credits (no text NOT NULL, fen int NOT NULL)');
  await ask('CREATE TABLE orders (no text PRIMARY KEY, fen int NOT NULL)');
  await ask('INSERT INTO orders SELECT * FROM unnest($1::text[], $2::int[])', [
    orders.map(({ no }) => no),
    orders.map(({ fen }) => fen),
  ]);
  return {
    settings: { url: server.url },
    restart: server.restart,
    /** A transaction has been committed when its delivery is answered. */
    drained: async () => undefined,
    /** Once no shop writes any more. */
    async check() {
      const [{ lost, doubled }] = await ask(COUNT);
      return { lost, doubled, isGood: lost + doubled === 0 };
    },
    close: server.close,
  };
}

/** What a shop does about it: `{ providers, close() }`. */
export function shopParts({ url }) {
  const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 3_000 });
  const quiet = () => undefined;
  pool.on('error', quiet);

  class Payments {
    async paid(notification) {
      const { out_trade_no: no, amount } = notification.payload;
      const tx = await pool.connect();
      // a connection that breaks tells its query too
      tx.on('error', quiet);
      let broken;
      try {
        await tx.query('BEGIN');
        if (await notification.claim(tx)) {
          await tx.query('INSERT INTO credits (no, fen) VALUES ($1, $2)', [no, amount.total]);
        }
        await tx.query('COMMIT');
      } catch (error) {
        await tx.query('ROLLBACK').catch((failure) => (broken = failure));
        throw error;
      } finally {
        tx.off('error', quiet);
        tx.release(broken);
      }
    }
  }
  const { prototype } = Payments;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'paid');
  OnWechatPayNotification('TRANSACTION.SUCCESS')(prototype, 'paid', descriptor);
  Injectable()(Payments);
  return { providers: [Payments], close: () => pool.end() };
}
