import {
  assertTable,
  firstRow,
  INBOX_TABLE,
  type SqlTransaction,
} from '../../notification/transactional-claim.js';

const DAY_MS = 24 * 3_600_000;
/** The platform repeats an event for a day; a shop's own questions about it may come later. */
const LEAST_MS = 2 * DAY_MS;
const MOST_MS = 3_650 * DAY_MS;
const MAX_BATCHES = 1_000;

/**
 * Settings of {@link removeOldClaims}.
 *
 * @publicApi
 */
export interface RemoveOldClaimsOptions {
  /**
   * How old a claim must be, in milliseconds: 2 days to 10 years. An event that comes again after that is
   * handled again. @default 30 days
   */
  readonly olderThanMs?: number | undefined;
  /** Rows to remove in one statement, 1 to 100,000. @default 1000 */
  readonly batch?: number | undefined;
  /** As in `notification.claim(tx, { table })`. @default 'wechatpay_inbox' */
  readonly table?: string | undefined;
}

/**
 * Removes claims that nothing will ask for again, the oldest first, in batches, at most 1,000 of them: the
 * next run goes on. Several processes may do so at the same time. Run it once a day or an hour, outside
 * of a transaction, so that each batch is committed on its own.
 *
 * ```ts
 * @Cron(CronExpression.EVERY_DAY_AT_4AM)
 * clean() { return removeOldClaims(this.pool); }
 * ```
 *
 * @param client a pool or client of `pg`, a `DataSource` of TypeORM, or two lines around any other
 * @returns how many it has removed
 * @throws {RangeError} for settings outside of their range
 * @throws {TypeError} for a table that is no name, or a client that gives no rows
 * @publicApi
 */
export async function removeOldClaims(
  client: SqlTransaction,
  options: RemoveOldClaimsOptions = {},
): Promise<number> {
  const { olderThanMs = 30 * DAY_MS, batch = 1_000, table = INBOX_TABLE } = options;
  assertTable(table);
  if (!(olderThanMs >= LEAST_MS && olderThanMs <= MOST_MS)) {
    throw new RangeError('olderThanMs is a number of milliseconds, from 2 days to 10 years');
  }
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= 100_000)) {
    throw new RangeError('batch is a whole number from 1 to 100000');
  }
  let removed = 0;
  for (let batches = 0; batches < MAX_BATCHES; batches += 1) {
    const answer = await client.query(removeSql(table), [String(olderThanMs), String(batch)]);
    const count = Number(firstRow(answer)['removed']);
    if (!Number.isInteger(count)) {
      throw new TypeError('query(sql, values) of the client must give "removed" as a number');
    }
    removed += count;
    if (count < batch) break;
  }
  return removed;
}

/** Rows that are locked are left for the next run. */
function removeSql(table: string): string {
  return `WITH old AS (
  SELECT event_key, handler FROM ${table}
  WHERE claimed_at < now() - $1::text::float8 * interval '1 millisecond'
  ORDER BY claimed_at LIMIT $2::text::int
  FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM ${table} AS claim USING old
  WHERE claim.event_key = old.event_key AND claim.handler = old.handler
  RETURNING 1
)
SELECT count(*)::int AS removed FROM gone`;
}
