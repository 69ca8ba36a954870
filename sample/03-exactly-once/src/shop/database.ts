import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import pg from 'pg';

/** The pool, and transactions on it. With an ORM, this is what it has already. */
@Injectable()
export class Database implements OnApplicationShutdown {
  readonly pool: pg.Pool;

  constructor(@Inject(ConfigService) config: ConfigService) {
    this.pool = new pg.Pool({ connectionString: config.getOrThrow<string>('DATABASE_URL') });
    this.pool.on('error', ignore); // an idle connection broke: the pool makes another
  }

  /** At the very end: handlers that run are waited for before. */
  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /** Commits what the work does, or rolls it back when it throws. */
  async transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const tx = await this.pool.connect();
    tx.on('error', ignore); // the query that it hits throws as well
    let broken: Error | undefined;
    try {
      await tx.query('BEGIN');
      const result = await work(tx);
      await tx.query('COMMIT');
      return result;
    } catch (error) {
      await tx.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      tx.off('error', ignore);
      tx.release(broken);
    }
  }
}

const ignore = (): void => undefined;
