import { createHash } from 'node:crypto';
import { WechatPayNotificationError } from '../errors/index.js';

/**
 * A transaction of PostgreSQL under way: a client of `pg`, a `QueryRunner` of TypeORM, or two lines
 * around any other. `$1`, `$2` … stand for the values, each once and in this order, which makes them easy to
 * replace where a library wants `?`.
 *
 * @publicApi
 */
export interface SqlTransaction {
  /** @returns rows, or an object that has `rows` */
  query(sql: string, values: unknown[]): Promise<unknown>;
}

/** Where claims are kept when nothing else is said. */
export const INBOX_TABLE = 'wechatpay_inbox';

const TABLE = /^[A-Za-z_]\w{0,62}(?:\.[A-Za-z_]\w{0,62})?$/;

/**
 * Claims an event for a handler inside a transaction: the row is there when the transaction commits, and
 * gone when it rolls back. Whoever has the advisory lock decides; others learn at once that the event is
 * busy. Waiting for the row instead would hold one connection for each duplicate.
 *
 * Two statements, as the second one finds out whether there is a transaction at all: without one (a pool
 * instead of its client) the row would stay though the handler fails, and the event would be lost.
 *
 * @returns whether it is new: `false` when it was handled before
 * @throws {WechatPayNotificationError} `NOTIFICATION_BUSY` when another transaction has it; let it end
 * the transaction, the platform comes back
 * @throws {TypeError} for a table that is no name, or something that is no transaction; nothing is claimed
 */
export async function claimInTransaction(
  tx: SqlTransaction,
  event: { readonly key: string; readonly handler: string; readonly notificationId: string },
  table: string = INBOX_TABLE,
): Promise<boolean> {
  assertTable(table);
  if (typeof tx?.query !== 'function') {
    throw new TypeError('claim(tx) needs a transaction with query(sql, values)');
  }
  const { key, handler, notificationId } = event;
  const lock = firstRow(await tx.query(LOCK_SQL, [lockOf(key, handler)]));
  if (!truth(lock, 'locked')) throw busy();
  const values = [String(lock['xact']), key, handler, notificationId];
  const row = firstRow(await tx.query(claimSql(table), values));
  if (!truth(row, 'same')) {
    throw new TypeError(
      'claim(tx) needs a transaction that has begun: its statements came in several. Give it what your ' +
        'transaction runs on (a client after BEGIN, a QueryRunner), not a pool or a DataSource',
    );
  }
  return truth(row, 'fresh');
}

/** @throws {TypeError} unless it is a name, which may have a schema before it */
export function assertTable(table: string): void {
  if (typeof table === 'string' && TABLE.test(table)) return;
  throw new TypeError('The table of the inbox is a name such as wechatpay_inbox or pay.inbox');
}

// Columns have names of one word: libraries that turn snake_case into camelCase leave them alone.
const LOCK_SQL = `WITH attempt AS (
  SELECT pg_try_advisory_xact_lock($1::text::bigint) AS locked
)
SELECT locked, CASE WHEN locked THEN txid_current()::text END AS xact FROM attempt`;

function claimSql(table: string): string {
  return `WITH here AS (
  SELECT txid_current()::text = $1::text AS same
), claimed AS (
  INSERT INTO ${table} (event_key, handler, notification_id)
  SELECT $2::text, $3::text, $4::text FROM here WHERE same
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT same, EXISTS (SELECT 1 FROM claimed) AS fresh FROM here`;
}

/** The number of the lock; two events with the same one are only busy for each other. */
function lockOf(key: string, handler: string): string {
  const digest = createHash('sha256').update(`${key} ${handler}`).digest();
  return digest.readBigInt64BE(0).toString();
}

/**
 * The first row of what a query resolved to.
 *
 * @throws {TypeError} when it is neither rows nor an object that has `rows`
 */
export function firstRow(answer: unknown): Readonly<Record<string, unknown>> {
  const rows: unknown = Array.isArray(answer)
    ? answer
    : (answer as { rows?: unknown } | null)?.rows;
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  if (typeof row === 'object' && row !== null) return row as Record<string, unknown>;
  throw new TypeError('query(sql, values) of the transaction must resolve to rows or { rows }');
}

/** A boolean column; anything else would make every event look busy. */
function truth(row: Readonly<Record<string, unknown>>, column: string): boolean {
  const value = row[column];
  if (typeof value === 'boolean') return value;
  throw new TypeError(`query(sql, values) of the transaction must give "${column}" as a boolean`);
}

function busy(): WechatPayNotificationError {
  return new WechatPayNotificationError(
    'NOTIFICATION_BUSY',
    'Another transaction handles this event: let this one end, the platform delivers it again',
  );
}
