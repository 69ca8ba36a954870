import { Pool, type PoolClient } from 'pg';

const quiet = (): void => undefined;

/** A pool whose idle connections may break without a word. */
export function quietPool(connectionString: string, max = 10): Pool {
  const pool = new Pool({ connectionString, max, connectionTimeoutMillis: 5_000 });
  pool.on('error', quiet);
  return pool;
}

export const ISOLATIONS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** Commits what the body does, or rolls it back when it throws. */
export async function transaction<T>(
  pool: Pool,
  body: (tx: PoolClient) => Promise<T>,
  isolation: Isolation = 'READ COMMITTED',
): Promise<T> {
  const tx = await pool.connect();
  tx.on('error', quiet);
  let broken: Error | undefined;
  try {
    await tx.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    const result = await body(tx);
    await tx.query('COMMIT');
    return result;
  } catch (error) {
    await tx.query('ROLLBACK').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    tx.off('error', quiet);
    tx.release(broken);
  }
}
