import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  MemoryCertificateStore,
  OnDemandGate,
  type CertificateStore,
} from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  ALONE,
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';

const HOUR = 3_600_000;
const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });

/** A store in memory that counts its reads. */
class CountingStore implements CertificateStore {
  readonly inner = new MemoryCertificateStore();
  readonly changes = ALONE.changes;
  readonly tryLease = ALONE.tryLease;
  reads = 0;

  read(mchid: string): ReturnType<CertificateStore['read']> {
    this.reads += 1;
    return this.inner.read(mchid);
  }
  writeIfNewer(...args: Parameters<CertificateStore['writeIfNewer']>): Promise<boolean> {
    return this.inner.writeIfNewer(...args);
  }
}

describe('a serial number that is not known', () => {
  let platform: CertificatePlatform;
  let store: CountingStore;
  let gate: OnDemandGate;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    store = new CountingStore();
    platform = await CertificatePlatform.start(old);
    platform.clock.advance(-20 * HOUR); // a store takes no list that is signed in its future
    gate = new OnDemandGate(platform.clock.now);
  });
  afterEach(async () => {
    await platform.close();
    await Promise.all(contexts.map((each) => each.end()));
  });
  const connect = (options: { readonly withStore?: boolean } = {}): TestContext => {
    const { withStore = true } = options;
    const made = merchantContext(
      testOptions({ baseUrl: platform.url, ...(withStore && { store }) }),
      { clock: platform.clock, gate },
    );
    contexts.push(made);
    return made;
  };
  const fill = async (): Promise<void> => {
    await connect().http.get('/v3/x');
    store.reads = 0;
  };

  it('is found in the store by however many merchants a process has not used yet', async () => {
    await fill();
    const cold = Array.from({ length: 70 }, () => connect());
    const found = await Promise.all(cold.map(({ certificates }) => certificates.find(old.id)));
    expect(found.map((key) => key?.id)).toEqual(cold.map(() => old.id));
    expect(platform.downloads).toBe(1);
    expect(store.reads).toBe(70);
  });

  it('is found by all who ask at the same moment, with one read', async () => {
    await fill();
    const { certificates } = connect();
    const found = await Promise.all(Array.from({ length: 20 }, () => certificates.find(old.id)));
    expect(new Set(found.map((key) => key?.id))).toEqual(new Set([old.id]));
    expect([store.reads, platform.downloads]).toEqual([1, 1]);
  });

  it('costs a read a minute, and strangers no more than sixteen of them', async () => {
    const { certificates, clock } = connect();
    await certificates.ready();
    await certificates.find('ABCD');
    store.reads = 0;
    for (let count = 0; count < 20; count += 1) await certificates.find('ABCD');
    expect(store.reads).toBe(0);
    for (let count = 0; count < 100; count += 1) await certificates.find(`DEF${count}`);
    expect(store.reads).toBe(15);
    expect(platform.downloads).toBe(2);
    await certificates.find('ABCD', { from: 'answer' }); // which have reads of their own
    expect(store.reads).toBe(16);
    clock.advance(60_000);
    await certificates.find('ABCD');
    expect(store.reads).toBe(17);
  });

  it('is asked of the store again a minute later, when a list has come there', async () => {
    const { certificates, clock } = connect();
    await certificates.ready();
    await certificates.find(fresh.id);
    clock.advance(2 * HOUR);
    platform.listed = [old, fresh];
    await connect().certificates.refresh(); // the store's watch says nothing of it
    const { downloads } = platform;
    await expect(certificates.find(fresh.id)).resolves.toMatchObject({ id: fresh.id });
    expect(platform.downloads).toBe(downloads);
  });

  it('of an answer is downloaded, whatever strangers have named before', async () => {
    const { http, certificates } = connect({ withStore: false });
    await http.get('/v3/x');
    await certificates.find('ABCD'); // of a forged notification
    platform.listed = [old, fresh];
    platform.signer = fresh;
    await expect(http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(platform.downloads).toBe(3);
  });

  it('of an answer is downloaded, however many merchants strangers have named', async () => {
    const merchants = Array.from({ length: 61 }, () => connect({ withStore: false }));
    await Promise.all(merchants.map(({ certificates }) => certificates.find('ABCD')));
    expect(platform.downloads).toBe(60);
    const last = merchants[0] as TestContext;
    platform.listed = [old, fresh];
    platform.signer = fresh;
    await expect(last.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
  });

  it('of answers costs one download a minute too', async () => {
    const { http } = connect({ withStore: false });
    await http.get('/v3/x');
    platform.listSigner = old;
    platform.signer = { ...old, id: '0E3A0BAD' };
    for (let count = 0; count < 5; count += 1) {
      await expect(rejection(http.get('/v3/x'))).resolves.toMatchObject({
        code: 'SIGNATURE_KEY_UNKNOWN',
      });
    }
    expect(platform.downloads).toBe(2);
  });
});
