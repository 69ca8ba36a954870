import { describe, expect, it } from '@jest/globals';
import { claimInTransaction } from '../../lib/notification/transactional-claim.js';

const event = { key: 'k', handler: 'h', notificationId: 'n' };

describe('a claim through something that is no transaction of PostgreSQL', () => {
  const asked: string[] = [];
  const answering = (...answers: unknown[]) => ({
    query: (sql: string) => {
      asked.push(sql);
      return Promise.resolve(answers.shift());
    },
  });

  it.each([undefined, null, {}, { query: 'x' }, 'BEGIN'])('is refused: %j', async (tx) => {
    await expect(claimInTransaction(tx as never, event)).rejects.toThrow('needs a transaction');
  });

  it.each([undefined, null, [], {}, { rows: [] }, { rows: 1 }, [1], 'x'])(
    'is refused where a query gives %j',
    async (answer) => {
      const claim = claimInTransaction(answering(answer), event);
      await expect(claim).rejects.toThrow('must resolve to rows or { rows }');
    },
  );

  it.each([
    [[{ locked: 't' }]],
    [[{ LOCKED: true }]],
    [[{ locked: 1, xact: '1' }]],
    [[{ locked: true, xact: '1' }], [{ same: 't', fresh: 't' }]],
    [[{ locked: true, xact: '1' }], [{ same: true }]],
  ])('is refused, and not busy, where columns come otherwise: %j', async (...answers) => {
    const claim = claimInTransaction(answering(...answers), event);
    await expect(claim).rejects.toThrow('as a boolean');
  });

  it('is refused for a table that is no name, before anything is asked', async () => {
    asked.length = 0;
    const claim = claimInTransaction(answering(), event, 'a; DROP TABLE b');
    await expect(claim).rejects.toThrow('table of the inbox');
    expect(asked).toEqual([]);
  });
});
