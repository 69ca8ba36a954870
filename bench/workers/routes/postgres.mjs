/** The whole way, and an order that is credited in the transaction that claims its event. */
import pg from 'pg';
import { orderNo } from '../../support/orders.mjs';
import { importStore } from '../../support/product.mjs';
import { readyRoute } from '../ready-route.mjs';

const ORDERS = `CREATE TABLE orders (
  out_trade_no text PRIMARY KEY,
  total_fen integer NOT NULL,
  credited_fen integer NOT NULL DEFAULT 0
)`;
/** Nothing but the claim keeps an order from being credited twice. */
const CREDIT = `UPDATE orders SET credited_fen = credited_fen + $2
  WHERE out_trade_no = $1 AND total_fen = $2`;
const AUDIT = `SELECT
  (count(*) FILTER (WHERE credited_fen > 0))::int AS credited,
  (count(*) FILTER (WHERE credited_fen > total_fen))::int AS doubled
FROM orders`;

export async function makeRoute({ merchant, platform, onPaid, backend }) {
  const { inboxMigration } = await importStore('postgres');
  const pool = new pg.Pool({ connectionString: backend.url });
  pool.on('error', () => undefined); // the server ends before us
  const numbers = Array.from({ length: backend.orders }, (_, index) => orderNo(index));
  await pool.query(inboxMigration());
  await pool.query(ORDERS);
  await pool.query('INSERT INTO orders SELECT no, 100 FROM unnest($1::text[]) AS no', [numbers]);
  await pool.query('VACUUM ANALYZE orders');

  /** As the guide has it: the claim and the credit are committed together. */
  async function paid(notification) {
    const { out_trade_no: number, amount } = notification.payload;
    const tx = await pool.connect();
    try {
      await tx.query('BEGIN');
      if (await notification.claim(tx)) {
        const { rowCount } = await tx.query(CREDIT, [number, amount.total]);
        if (rowCount !== 1) throw new Error(`${number} is not an order of this amount`);
      }
      await tx.query('COMMIT');
    } catch (error) {
      await tx.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      tx.release();
    }
    onPaid(notification.payload);
  }
  const route = await readyRoute({ merchant, platform, paid });
  return { ...route, audit: async () => (await pool.query(AUDIT)).rows[0] };
}
