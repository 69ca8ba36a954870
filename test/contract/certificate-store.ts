import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayStoreError, type CertificateStore, type SignedAnswer } from 'nestjs-wechatpay';
import { Subscription } from 'rxjs';
import { until } from '../support/servers.js';

/** A store's surroundings, as the suite needs them. */
export interface StoreBackend {
  /**
   * A store over the same data with connections of its own, as another process has it. Ended by
   * {@link reset}.
   *
   * @param pollMs how often it looks for changes by itself; 1,000 when left out
   */
  open(pollMs?: number): CertificateStore;
  /** Writes bytes where the store keeps the entry of a merchant, past the store. */
  plant?(mchid: string, bytes: Buffer): Promise<void>;
  /** The longest value that its server takes; any length when left out. */
  readonly largestBytes?: number;
  /** Ends the stores that were opened, and removes all data. */
  reset(): Promise<void>;
  close(): Promise<void>;
  /** The shortest lease of the server, and how long one may outlast its time, in milliseconds. */
  readonly lease: { readonly shortestMs: number; readonly graceMs: number };
  /** Another instance sees what this one wrote. Not so for a store in memory. */
  readonly isShared: boolean;
  /** What breaks it; missing where nothing can. */
  readonly faults?: {
    kill(): Promise<void>;
    restart(): Promise<void>;
    freeze(): void | Promise<void>;
    thaw(): void;
    /** Cuts the connections, and leaves the server alone. */
    cut(): Promise<void>;
  };
  /** Handles that a watch holds now, as far as this store can tell. */
  watchers?(): number | Promise<number>;
}

export const MCHID = '1900000109';
const NOW = Math.floor(Date.now() / 1000);

/** A well-formed signed answer; whether it proves itself is not a store's business. */
export function answerAt(seconds: number | string, body = '{"data":[]}'): SignedAnswer {
  return {
    headers: {
      'wechatpay-timestamp': String(seconds),
      'wechatpay-nonce': 'nonce',
      'wechatpay-signature': 'c2lnbmF0dXJl',
      'wechatpay-serial': '0E3A0001',
      'set-cookie': ['not', 'kept'],
      server: 'not kept',
    },
    body: Buffer.from(body),
  };
}

/** What a watch told. */
interface Found {
  readonly seen: string[];
  readonly errors: unknown[];
}

/** The contract of a certificate store, held against one backend. */
export function describeCertificateStore(start: () => Promise<StoreBackend>): void {
  let backend: StoreBackend;
  let store: CertificateStore;
  let subscriptions: Subscription[];

  beforeAll(async () => {
    backend = await start();
  }, 30_000);
  afterAll(async () => {
    await backend?.close();
  }, 30_000);
  beforeEach(() => {
    subscriptions = [];
    store = backend.open();
  });
  afterEach(async () => {
    for (const each of subscriptions) each.unsubscribe();
    await backend.reset();
  }, 30_000);

  const other = (pollMs?: number): CertificateStore =>
    backend.isShared ? backend.open(pollMs) : store;
  /**
   * Watches, then reads, as the library does: what is written after that read must be told. Subscribes
   * again a moment after every break.
   */
  const watching = async (watched: CertificateStore): Promise<Found> => {
    const found: Found = { seen: [], errors: [] };
    const all = new Subscription();
    subscriptions.push(all);
    const subscribe = (): void => {
      if (all.closed) return;
      all.add(
        watched.changes().subscribe({
          next: (mchid) => found.seen.push(mchid),
          error: (error: unknown) => {
            found.errors.push(error);
            setTimeout(subscribe, 100).unref();
          },
        }),
      );
    };
    subscribe();
    await watched.read(MCHID);
    return found;
  };
  const refusal = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'nothing was refused',
      (error: unknown) => error,
    );

  it('has nothing for a merchant whose list was never written', async () => {
    await expect(store.read(MCHID)).resolves.toBeUndefined();
  });

  it('gives back the bytes and the signature headers that were written, and no other header', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const written = { ...answerAt(NOW), body: bytes };
    await expect(store.writeIfNewer(MCHID, written)).resolves.toBe(true);
    const read = await other().read(MCHID);
    expect(read?.body.equals(bytes)).toBe(true);
    expect(read?.headers).toEqual({
      'wechatpay-timestamp': String(NOW),
      'wechatpay-nonce': 'nonce',
      'wechatpay-signature': 'c2lnbmF0dXJl',
      'wechatpay-serial': '0E3A0001',
    });
  });

  it('gives everybody a copy of their own', async () => {
    const written = answerAt(NOW);
    await store.writeIfNewer(MCHID, written);
    written.body.fill(0);
    (await store.read(MCHID))?.body.fill(0);
    expect((await store.read(MCHID))?.body.toString()).toBe('{"data":[]}');
  });

  it('keeps merchants apart', async () => {
    await store.writeIfNewer('1', answerAt(NOW, 'one'));
    await store.writeIfNewer('10', answerAt(NOW, 'ten'));
    expect((await store.read('1'))?.body.toString()).toBe('one');
    expect((await store.read('10'))?.body.toString()).toBe('ten');
    await expect(store.read('100')).resolves.toBeUndefined();
  });

  it('takes a newer list, and refuses an older one and one as old', async () => {
    await expect(store.writeIfNewer(MCHID, answerAt(NOW - 10, 'first'))).resolves.toBe(true);
    await expect(other().writeIfNewer(MCHID, answerAt(NOW - 11, 'older'))).resolves.toBe(false);
    await expect(other().writeIfNewer(MCHID, answerAt(NOW - 10, 'same'))).resolves.toBe(false);
    expect((await store.read(MCHID))?.body.toString()).toBe('first');
    await expect(other().writeIfNewer(MCHID, answerAt(NOW - 9, 'newer'))).resolves.toBe(true);
    expect((await store.read(MCHID))?.body.toString()).toBe('newer');
  });

  it('compares times as numbers, not as text', async () => {
    await expect(store.writeIfNewer(MCHID, answerAt(999))).resolves.toBe(true);
    await expect(store.writeIfNewer(MCHID, answerAt(1000))).resolves.toBe(true);
    await expect(store.writeIfNewer(MCHID, answerAt('0999'))).resolves.toBe(false);
  });

  it('lets anything genuine replace a list that claims to be signed in the future', async () => {
    await expect(store.writeIfNewer(MCHID, answerAt(NOW + 90_000, 'ahead'))).resolves.toBe(true);
    await expect(store.writeIfNewer(MCHID, answerAt(NOW, 'genuine'))).resolves.toBe(true);
    await expect(store.writeIfNewer(MCHID, answerAt(NOW + 90_000, 'ahead'))).resolves.toBe(false);
    expect((await store.read(MCHID))?.body.toString()).toBe('genuine');
  });

  it('keeps the newest of twenty lists that are written at the same time', async () => {
    const stores = Array.from({ length: 4 }, () => other());
    for (const each of stores) await each.read(MCHID); // connected: now they meet
    const order = Array.from({ length: 20 }, (_, index) => (index * 7) % 20);
    for (const mchid of ['1', '2', '3', '4', '5']) {
      const kept = await Promise.all(
        order.map((age, index) =>
          (stores[index % 4] ?? store).writeIfNewer(mchid, answerAt(NOW - age, `age ${age}`)),
        ),
      );
      expect(kept.filter(Boolean).length).toBeGreaterThan(0);
      expect((await store.read(mchid))?.body.toString()).toBe('age 0');
    }
  });

  it('tells another instance within a second which merchants were written', async () => {
    const found = await watching(other(30_000));
    await store.writeIfNewer('1', answerAt(NOW));
    await until('the first is seen', () => found.seen.includes('1'), 1_000);
    await store.writeIfNewer('2', answerAt(NOW));
    await until('the second is seen', () => found.seen.includes('2'), 1_000);
    expect(found.errors).toEqual([]);
  });

  it('tells of a hundred merchants through one watch, and of nothing that was refused', async () => {
    await store.writeIfNewer('999', answerAt(NOW));
    const watched = other();
    await watched.read('999');
    const found = await watching(watched);
    const again = await watching(watched);
    await store.writeIfNewer('0', answerAt(NOW));
    await until('the watch stands', () => found.seen.includes('0'), 5_000);
    const mchids = Array.from({ length: 100 }, (_, index) => String(1_000 + index));
    for (let at = 0; at < mchids.length; at += 10) {
      const some = mchids.slice(at, at + 10);
      await Promise.all(some.map((mchid) => store.writeIfNewer(mchid, answerAt(NOW))));
    }
    await store.writeIfNewer('999', answerAt(NOW - 1));
    await until('all are seen', () => mchids.every((mchid) => found.seen.includes(mchid)), 5_000);
    await until('by both', () => mchids.every((mchid) => again.seen.includes(mchid)), 1_000);
    expect(found.seen).not.toContain('999');
    const watchers = await backend.watchers?.();
    if (watchers !== undefined) expect(watchers).toBeLessThanOrEqual(1);
  });

  it('tells of what was written after it read, though the watch began later', async () => {
    if (!backend.isShared) return;
    await store.writeIfNewer('1', answerAt(NOW - 9));
    const watched = other();
    await watched.read('1');
    await watched.read('2');
    await store.writeIfNewer('1', answerAt(NOW));
    await store.writeIfNewer('2', answerAt(NOW));
    const found = await watching(watched);
    await until('both are told', () => ['1', '2'].every((mchid) => found.seen.includes(mchid)));
  });

  it('ends a watch with its last subscription', async () => {
    const watched = other(30_000);
    const found = await watching(watched);
    await store.writeIfNewer('1', answerAt(NOW));
    await until('the change is seen', () => found.seen.includes('1'), 5_000);
    await until('it listens', async () => ((await backend.watchers?.()) ?? 1) === 1, 3_000);
    for (const each of subscriptions) each.unsubscribe();
    await until('nothing listens', async () => ((await backend.watchers?.()) ?? 0) === 0, 3_000);
    await store.writeIfNewer('2', answerAt(NOW));
    expect(found.seen).not.toContain('2');
  });

  it('gives a lease to one of many, until it ends by itself', async () => {
    const { shortestMs, graceMs } = backend.lease;
    const stores = Array.from({ length: 4 }, () => other());
    const tries = stores.flatMap((each) => [1, 2].map(() => each.tryLease('renew/1', shortestMs)));
    const taken = await Promise.all(tries);
    const takenAt = performance.now();
    expect(taken.filter(Boolean)).toHaveLength(1);
    await expect(store.tryLease('renew/1', shortestMs)).resolves.toBe(false);
    await expect(store.tryLease('renew/2', shortestMs)).resolves.toBe(true);
    const free = (): Promise<boolean> => store.tryLease('renew/1', shortestMs);
    await until('the lease ended', free, shortestMs + graceMs);
    expect(performance.now() - takenAt).toBeGreaterThan(shortestMs / 2);
  }, 40_000);

  it.each(['', 'a b', 'x'.repeat(129), 'ключ', 'a\n'])('refuses the lease key %j', async (key) => {
    await expect(refusal(store.tryLease(key, 1_000))).resolves.toBeInstanceOf(WechatPayStoreError);
  });

  it.each(['__proto__', '../../x', '{a}:b', '%2e%2e', 'a/../b', '*'])(
    'takes the lease key %j for a key like any other',
    async (key) => {
      await expect(store.tryLease(key, 60_000)).resolves.toBe(true);
      await expect(store.tryLease(key, 60_000)).resolves.toBe(false);
    },
  );

  it.each([0, -1, Number.NaN])('refuses a lease of %d ms', async (ttlMs) => {
    await expect(refusal(store.tryLease('x', ttlMs))).resolves.toBeInstanceOf(WechatPayStoreError);
  });

  it.each([
    '',
    '../x',
    '1/2',
    '..',
    '1 ',
    '1\n',
    '__proto__',
    'constructor',
    '1:2',
    '{1}',
    '1'.repeat(33),
    '１２',
    'x'.repeat(1e6),
  ])('refuses the merchant number %.20j', async (mchid) => {
    await expect(refusal(store.read(mchid))).resolves.toBeInstanceOf(WechatPayStoreError);
    const written = refusal(store.writeIfNewer(mchid, answerAt(NOW)));
    await expect(written).resolves.toBeInstanceOf(WechatPayStoreError);
  });

  it('does not keep a list that is too long to be one', async () => {
    const long = answerAt(NOW, 'x'.repeat(256 * 1024));
    await expect(refusal(store.writeIfNewer(MCHID, long))).resolves.toBeInstanceOf(
      WechatPayStoreError,
    );
    await expect(store.read(MCHID)).resolves.toBeUndefined();
  });

  const answer = JSON.stringify({ format: 1, headers: {}, body: 'e30=' });
  it.each([
    ['text that is not JSON', '{"format":1,"head'],
    ['a line feed', '\n'],
    ['null', 'null'],
    ['a number', '1'],
    ['a list', '[]'],
    ['another format', answer.replace('1', '2')],
    ['another field', answer.replace('{', '{"x":1,')],
    ['a prototype', answer.replace('{', '{"__proto__":{"x":1},')],
    ['headers of another shape', answer.replace('{}', '[]')],
    ['headers that are not kept', answer.replace('{}', '{"__proto__":"x"}')],
    ['a header that is a list', answer.replace('{}', '{"wechatpay-nonce":["x"]}')],
    ['a header with a line feed', answer.replace('{}', '{"wechatpay-nonce":"a\\nb"}')],
    ['a body that is a number', answer.replace('"e30="', '1')],
    ['a body that is not Base64', answer.replace('e30=', '!30=')],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 1]).toString('latin1')],
    ['ten megabytes, or as much as its server takes', 'x'.repeat(10_000_000)],
  ])('refuses an entry that holds %s, and lets a good one replace it', async (_, text) => {
    if (!backend.plant) return; // nobody else can write there
    const bytes = Buffer.from(text, 'latin1').subarray(0, backend.largestBytes);
    await backend.plant(MCHID, bytes);
    const error = await refusal(store.read(MCHID));
    expect(error).toBeInstanceOf(WechatPayStoreError);
    expect((error as Error).message).not.toContain(text.slice(0, 12) || '-');
    await expect(store.writeIfNewer(MCHID, answerAt(NOW))).resolves.toBe(true);
    await expect(store.read(MCHID)).resolves.toMatchObject({ body: Buffer.from('{"data":[]}') });
  });

  describe('when its server fails', () => {
    const withFaults =
      (body: (faults: NonNullable<StoreBackend['faults']>) => Promise<void>) => async () => {
        if (backend.faults) await body(backend.faults);
      };
    /** Calls fail, each within the two seconds that the library waits. */
    const expectRefusals = async (): Promise<void> => {
      const started = performance.now();
      const calls = [
        store.read(MCHID),
        store.writeIfNewer('88', answerAt(NOW)), // may arrive later
        store.tryLease('x', 2_000),
      ].map(refusal);
      for (const error of await Promise.all(calls))
        expect(error).toBeInstanceOf(WechatPayStoreError);
      expect(performance.now() - started).toBeLessThan(3_000);
    };
    /** The watch tells of changes again, whoever wrote them, without help. */
    const expectRecovery = async (found: Found): Promise<void> => {
      const started = performance.now();
      const writer = other();
      let second = NOW;
      await until(
        'changes are told again',
        async () => {
          second += 1;
          await writer.writeIfNewer('77', answerAt(second)).catch(() => undefined);
          return found.seen.includes('77');
        },
        15_000,
      );
      expect(performance.now() - started).toBeLessThan(15_000);
      for (const error of found.errors) expect(error).toBeInstanceOf(WechatPayStoreError);
      await expect(store.read('77')).resolves.toBeDefined();
    };

    it(
      'tells what was written while a connection was cut',
      withFaults(async (faults) => {
        const found = await watching(store);
        const writer = other();
        await writer.writeIfNewer('1', answerAt(NOW));
        await until('the watch stands', () => found.seen.includes('1'), 5_000);
        for (const mchid of ['2', '3', '4']) {
          await faults.cut();
          await until('it is written', () =>
            writer.writeIfNewer(mchid, answerAt(NOW)).then(
              () => true,
              () => false,
            ),
          );
          await until(`${mchid} is seen`, () => found.seen.includes(mchid), 10_000);
        }
      }),
      60_000,
    );

    it(
      'fails within its bound while the server is down, and goes on when it is back',
      withFaults(async (faults) => {
        const found = await watching(store);
        await store.writeIfNewer(MCHID, answerAt(NOW - 5, 'before'));
        await until('the watch stands', () => found.seen.includes(MCHID), 5_000);
        await faults.kill();
        await expectRefusals();
        await until('the break is told', () => found.errors.length > 0, 10_000);
        await faults.restart();
        await expectRecovery(found);
        expect((await store.read(MCHID))?.body.toString()).toBe('before');
      }),
      60_000,
    );

    it(
      'fails within its bound while the server is frozen, piles nothing up, and goes on when it thaws',
      withFaults(async (faults) => {
        const found = await watching(store);
        await store.writeIfNewer('5', answerAt(NOW));
        await until('the watch stands', () => found.seen.includes('5'), 5_000);
        await faults.freeze();
        try {
          await expectRefusals();
          await until('the break is told', () => found.errors.length > 0, 10_000);
          const many = Array.from({ length: 1_000 }, () => refusal(store.read('5')));
          await Promise.all(many);
        } finally {
          faults.thaw();
        }
        await expectRecovery(found);
      }),
      60_000,
    );
  });
}
