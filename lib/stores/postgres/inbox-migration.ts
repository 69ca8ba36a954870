import { assertTable, INBOX_TABLE } from '../../notification/transactional-claim.js';

/** PostgreSQL cuts longer names, and would then find the table itself under the name of the index. */
const LONGEST_NAME = 63;
const INDEX_END = '_claimed_at';

/**
 * SQL that makes the table of `notification.claim(tx)`, with an index for {@link removeOldClaims}. Running it
 * again changes nothing. Two statements: run it with your migrations, once, and not in every process as
 * it starts.
 *
 * @param table its name, perhaps with a schema, which must be there. `wechatpay_inbox` by default
 * @throws {TypeError} for a table that is no name
 * @publicApi
 */
export function inboxMigration(table: string = INBOX_TABLE): string {
  assertTable(table);
  const name = table.slice(table.indexOf('.') + 1);
  const index = name.slice(0, LONGEST_NAME - INDEX_END.length) + INDEX_END;
  return `CREATE TABLE IF NOT EXISTS ${table} (
  event_key text NOT NULL,
  handler text NOT NULL,
  notification_id text,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_key, handler)
);
CREATE INDEX IF NOT EXISTS ${index} ON ${table} (claimed_at);
`;
}
