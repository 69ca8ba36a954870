import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { filter, firstValueFrom, timeout, type Observable } from 'rxjs';
import {
  MemoryCertificateStore,
  type CertificateStore,
  type SignedAnswer,
} from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  merchantContext,
  testOptions,
  TEST_MCHID,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';
import { until } from '../support/servers.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });

/** A store whose server can be stopped. */
class UnreliableStore implements CertificateStore {
  inner = new MemoryCertificateStore();
  isDown = false;
  /** As a replica, or with a user that may only read. */
  isReadOnly = false;
  calls = 0;
  writes = 0;

  read(mchid: string): Promise<SignedAnswer | undefined> {
    return this.#reached(() => this.inner.read(mchid));
  }
  writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    this.writes += 1;
    if (this.isReadOnly) return Promise.reject(new Error('READONLY'));
    return this.#reached(() => this.inner.writeIfNewer(mchid, answer));
  }
  changes(): Observable<string> {
    return this.inner.changes();
  }
  tryLease(key: string, ttlMs: number): Promise<boolean> {
    if (this.isReadOnly) return Promise.reject(new Error('READONLY'));
    return this.#reached(() => this.inner.tryLease(key, ttlMs));
  }

  async #reached<T>(call: () => Promise<T>): Promise<T> {
    this.calls += 1;
    if (this.isDown) throw new Error('ECONNREFUSED');
    return call();
  }
}

describe('processes that share a store', () => {
  let platform: CertificatePlatform;
  let store: UnreliableStore;
  let processes: TestContext[];

  beforeEach(async () => {
    platform = await CertificatePlatform.start(old);
    platform.clock.advance(-20 * HOUR); // a store takes no list that is signed in its future
    store = new UnreliableStore();
    processes = [];
  });
  afterEach(async () => {
    await Promise.all(processes.map((each) => each.end()));
    await platform.close();
  });

  const begin = (random?: number): TestContext => {
    const started = merchantContext(testOptions({ baseUrl: platform.url, store }), {
      clock: platform.clock,
      ...(random !== undefined && { random: () => random }),
    });
    processes.push(started);
    return started;
  };
  const ids = (context: TestContext): string[] =>
    context.certificates.keyRing.keys.map(({ id }) => id).sort();
  const event = (context: TestContext, type: string): Promise<unknown> =>
    firstValueFrom(
      context.certificates.keyEvents$.pipe(
        filter((each) => each.type === type),
        timeout(15_000),
      ),
    );

  it('download once when they all start at the same moment', async () => {
    const fleet = Array.from({ length: 8 }, () => begin());
    await Promise.all(fleet.map(({ http }) => http.get('/v3/x')));
    expect(platform.downloads).toBe(1);
    expect(fleet.map(ids)).toEqual(fleet.map(() => [old.id]));
  });

  it('take over what another one renewed, without asking the platform', async () => {
    const [first, second] = [begin(), begin()];
    await first.http.get('/v3/x');
    await second.http.get('/v3/x');
    platform.listed = [old, fresh];
    platform.clock.advance(7 * HOUR);
    const told = event(second, 'renewed');
    await first.certificates.refresh();
    await expect(told).resolves.toMatchObject({ source: 'store', added: [fresh.id] });
    expect(ids(second)).toEqual([old.id, fresh.id]);
    expect(platform.downloads).toBe(2);
  });

  it('renew once in a period: one downloads, the others find the list young or the lease taken', async () => {
    const fleet = Array.from({ length: 8 }, () => begin());
    await Promise.all(fleet.map(({ http }) => http.get('/v3/x')));
    platform.clock.advance(7 * HOUR);
    let leases = 0;
    store.inner.tryLease = async () => leases++ === 0;
    const outcomes = await Promise.all(
      fleet.map(({ certificates }) => certificates.renew(6 * HOUR)),
    );
    expect(outcomes.filter((outcome) => outcome === 'renewed')).toHaveLength(1);
    expect(platform.downloads).toBe(2);
    const later = await Promise.all(fleet.map(({ certificates }) => certificates.renew(6 * HOUR)));
    expect(new Set(later)).toEqual(new Set(['young']));
  });

  it('go on when the holder of the lease has died with it', async () => {
    const survivor = begin();
    await store.inner.tryLease(`renew:${TEST_MCHID}`, 60_000); // and never comes back
    await expect(survivor.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(platform.downloads).toBe(1);
  });

  it('download one after another, when nobody can tell them who is at it', async () => {
    const [first, second] = [begin(0.02), begin(0.12)];
    await Promise.all([first.http.get('/v3/x'), second.http.get('/v3/x')]);
    platform.clock.advance(7 * HOUR);
    store.isDown = true;
    const { downloads } = platform;
    const began = performance.now();
    const ended: number[] = [];
    const renew = async ({ certificates }: TestContext): Promise<string> => {
      const outcome = await certificates.renew(6 * HOUR);
      ended.push(performance.now() - began);
      return outcome;
    };
    await expect(Promise.all([renew(first), renew(second)])).resolves.toEqual([
      'renewed',
      'renewed',
    ]);
    expect(platform.downloads).toBe(downloads + 2);
    expect((ended[1] ?? 0) - (ended[0] ?? 0)).toBeGreaterThan(300);
    // who begins to use a merchant does not wait
    const late = performance.now();
    await begin(1).http.get('/v3/x');
    expect(performance.now() - late).toBeLessThan(2_000);
  });

  it('leave a list that came while they waited for their turn, and wait no longer than they live', async () => {
    const [waits, closes] = [begin(0.1), begin(1)];
    await Promise.all([waits.http.get('/v3/x'), closes.http.get('/v3/x')]);
    platform.clock.advance(7 * HOUR);
    store.isDown = true;
    const renewals = [waits, closes].map(({ certificates }) => certificates.renew(6 * HOUR));
    renewals[1]?.catch(() => undefined);
    await waits.certificates.refresh(); // by hand
    await expect(renewals[0]).resolves.toBe('young');
    const asked = performance.now();
    closes.close();
    await renewals[1]?.catch(() => undefined);
    expect(performance.now() - asked).toBeLessThan(1_000);
  });

  it('find a key in the store that another one has met already', async () => {
    const [first, second] = [begin(), begin()];
    await Promise.all([first.http.get('/v3/x'), second.http.get('/v3/x')]);
    platform.clock.advance(2 * HOUR);
    platform.listed = [old, fresh];
    platform.signer = fresh;
    await first.http.get('/v3/x');
    await second.http.get('/v3/x');
    expect(platform.downloads).toBe(2);
  });

  it('fail no call while the store is lost, and meet again when it is back', async () => {
    const [first, second] = [begin(), begin()];
    await Promise.all([first.http.get('/v3/x'), second.http.get('/v3/x')]);
    store.isDown = true;
    platform.clock.advance(7 * HOUR);
    platform.listed = [old, fresh];
    const lost = event(first, 'store-lost');
    await first.certificates.refresh();
    await lost;
    await expect(first.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(ids(second)).toEqual([old.id]);
    const calls = store.calls;
    await first.certificates.refresh(); // a lost store is not asked each time
    expect(store.calls).toBe(calls);

    const back = event(first, 'store-back');
    const told = event(second, 'renewed');
    store.isDown = false;
    await Promise.all([back, told]);
    expect(ids(second)).toEqual([old.id, fresh.id]);
    expect(first.events.filter(({ type }) => type === 'store-lost')).toHaveLength(1);
    // its own write was pending: that the store held an older list was no surprise
    for (const { events } of processes) {
      expect(events.filter(({ type }) => type === 'refused')).toEqual([]);
    }
  }, 30_000);

  it('do not take a write of their own that comes amid a read for a rollback', async () => {
    const context = begin();
    await context.http.get('/v3/x');
    platform.clock.advance(7 * HOUR);
    platform.listed = [old, fresh];
    const before = await store.inner.read(TEST_MCHID);
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const { read } = UnreliableStore.prototype;
    store.read = () => {
      store.read = read;
      return held.then(() => before);
    };
    const reading = context.certificates.renew(20 * HOUR); // young: it only reads
    await context.certificates.refresh();
    await until('it is written', async () => {
      const written = await store.inner.read(TEST_MCHID);
      return written?.body.equals(before?.body ?? Buffer.alloc(0)) === false;
    });
    answer();
    await expect(reading).resolves.toBe('young');
    expect(context.events.filter(({ type }) => type === 'refused')).toEqual([]);
  });

  it('say once that the store can be read and not written, and write when it can be', async () => {
    const [first, second] = [begin(), begin()];
    await Promise.all([first.http.get('/v3/x'), second.http.get('/v3/x')]);
    store.isReadOnly = true;
    store.writes = 0;
    platform.clock.advance(7 * HOUR);
    platform.listed = [old, fresh];
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'],
    });
    try {
      await first.certificates.refresh();
      while (store.writes === 0) await new Promise((resolve) => setImmediate(resolve));
      await jest.advanceTimersByTimeAsync(2 * HOUR);
      expect(store.writes).toBeLessThan(30);
      const said = (): string[] =>
        first.events.map(({ type }) => type).filter((type) => type.startsWith('store-'));
      await first.certificates.renew(20 * HOUR); // reads go on, and say nothing of writes
      expect(said()).toEqual(['store-lost']);
      store.isDown = true; // for a while nothing goes
      await first.certificates.renew(20 * HOUR);
      store.isDown = false;
      await jest.advanceTimersByTimeAsync(MINUTE);
      expect(said()).toEqual(['store-lost']);
      await second.certificates.renew(20 * HOUR);
      expect(second.events.filter(({ type }) => type.startsWith('store-'))).toEqual([]);
      store.isReadOnly = false;
      await jest.advanceTimersByTimeAsync(HOUR);
      expect(said()).toEqual(['store-lost', 'store-back']);
      expect(ids(second)).toEqual([old.id, fresh.id]);
    } finally {
      jest.useRealTimers();
    }
  });

  it.each(['lost', 'rolled back'])('put a list back that the store has %s', async (how) => {
    const context = begin();
    await context.http.get('/v3/x');
    const before = await store.read(TEST_MCHID);
    platform.clock.advance(7 * HOUR);
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    const newest = await store.read(TEST_MCHID);
    await context.certificates.renew(6 * HOUR); // what its own write has told it is read
    expect(newest?.headers['wechatpay-timestamp']).not.toBe(before?.headers['wechatpay-timestamp']);

    const refusals: unknown[] = [];
    context.certificates.keyEvents$
      .pipe(filter(({ type }) => type === 'refused'))
      .subscribe((each) => refusals.push(each));
    store.inner = new MemoryCertificateStore();
    if (how === 'rolled back') await store.writeIfNewer(TEST_MCHID, before as SignedAnswer);
    await expect(context.certificates.renew(6 * HOUR)).resolves.toBe('young');
    await expect(store.read(TEST_MCHID)).resolves.toEqual(newest);
    expect(ids(context)).toEqual([old.id, fresh.id]);
    const older = { what: 'store-entry', error: { code: 'STORE_ENTRY_INVALID' } };
    expect(refusals).toMatchObject(how === 'lost' ? [] : [older]);
  });
});
