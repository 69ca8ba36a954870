import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  DirectoryCertificateStore,
  type CertificateStore,
  type SignedAnswer,
} from 'nestjs-wechatpay';
import { merchantHealth } from '../../lib/health/merchant-health.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  ALONE,
  merchantContext,
  rejection,
  TEST_MCHID,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { certificateList, certificateSigner, signatureHeaders } from '../support/raw-platform.js';

const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });
const FILE = `platform-certificates-${TEST_MCHID}.json`;

describe('certificates kept in a directory', () => {
  let platform: CertificatePlatform;
  let contexts: TestContext[];
  let root: string;
  let directory: string;

  beforeEach(async () => {
    contexts = [];
    platform = await CertificatePlatform.start(old);
    root = await mkdtemp(join(tmpdir(), 'wechatpay-store-'));
    directory = join(root, 'certificates');
  });
  afterEach(async () => {
    await platform.close();
    await Promise.all(contexts.map((each) => each.end()));
    await rm(root, { recursive: true });
  });

  const connect = (
    store: CertificateStore = new DirectoryCertificateStore(directory),
  ): TestContext => {
    const made = merchantContext(testOptions({ baseUrl: platform.url, store }), {
      clock: platform.clock,
    });
    contexts.push(made);
    return made;
  };
  const file = (): string => join(directory, FILE);
  /** A store that tells when a write is done. */
  const watched = (): { store: CertificateStore; written: Promise<boolean> } => {
    const inner = new DirectoryCertificateStore(directory);
    let tell: (kept: boolean) => void = () => undefined;
    const written = new Promise<boolean>((resolve) => (tell = resolve));
    const store: CertificateStore = {
      ...ALONE,
      read: (mchid) => inner.read(mchid),
      writeIfNewer: async (mchid, answer) => {
        const kept = await inner.writeIfNewer(mchid, answer);
        tell(kept);
        return kept;
      },
    };
    return { store, written };
  };
  const fill = async (): Promise<void> => {
    const { store, written } = watched();
    await connect(store).http.get('/v3/x');
    await expect(written).resolves.toBe(true);
  };
  const answer = (list: string, signer = old): SignedAnswer => {
    const body = Buffer.from(list);
    const headers = Object.entries(signatureHeaders(signer, body, platform.clock.now()));
    return {
      headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
      body,
    };
  };
  const TEST_KEY = 'testOnly0123456789abcdefghijklmn';

  it('appear whole, for their owner only, and hold no key of the merchant', async () => {
    await fill();
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await readdir(directory)).toEqual([FILE]);
    const text = await readFile(file(), 'utf8');
    expect(Object.keys(JSON.parse(text) as object).sort()).toEqual(['body', 'format', 'headers']);
    expect(text).not.toContain(TEST_KEY);
    expect(text).not.toContain('PRIVATE');
  });

  it('let a process verify that starts while the platform’s list cannot be had, a year later too', async () => {
    await fill();
    const asked = new Promise<void>((resolve) => {
      platform.download = () => {
        resolve();
        return { status: 500 };
      };
    });
    platform.clock.advance(300 * 86_400_000);
    const context = connect(watched().store); // the lease of the download before is long over
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(context.events[0]).toMatchObject({ type: 'renewed', source: 'store' });
    // good enough to begin with; a newer one is asked for at once
    await asked;
    expect(platform.downloads).toBe(2);
  });

  it('say since when they are as they are, not when this process read them', async () => {
    await fill();
    const signedAtMs = Math.floor(platform.clock.now() / 1000) * 1000;
    platform.clock.advance(3_600_000);
    const context = connect(watched().store);
    expect(merchantHealth(context, platform.clock.now()).details.lastRefresh).toBeUndefined();
    await context.http.get('/v3/x');
    expect(platform.downloads).toBe(1);
    const { lastRefresh } = merchantHealth(context, platform.clock.now()).details;
    expect(lastRefresh).toBe(new Date(signedAtMs).toISOString());
    await context.certificates.refresh();
    expect(context.certificates.status.lastSuccessAtMs).toBe(platform.clock.now());
  });

  it('do not bring back certificates that expired meanwhile', async () => {
    await fill();
    platform.clock.advance(366 * 86_400_000);
    platform.download = () => ({ status: 500 });
    const context = connect();
    await rejection(context.http.get('/v3/x'));
    expect(context.certificates.keyRing.keys).toEqual([]);
    expect(platform.raw.count('/v3/x')).toBe(1);
  });

  it.each([
    ['damaged JSON', () => '{"format":1,"head'],
    ['nothing', () => ''],
    ['null', () => 'null'],
    ['another format', () => '{"format":2,"headers":{},"body":""}'],
    ['headers that are none', () => '{"format":1,"headers":[1],"body":"e30="}'],
    ['a megabyte', () => 'x'.repeat(1024 * 1024)],
    [
      'an unsigned list',
      () => encode({ headers: {}, body: Buffer.from(certificateList(TEST_KEY, [old])) }),
    ],
    [
      'a list signed by somebody else',
      () =>
        encode({
          ...answer(certificateList(TEST_KEY, [old]), { ...old, privateKey: fresh.privateKey }),
        }),
    ],
    [
      'a list of another merchant',
      () => encode(answer(certificateList('another0merchant0APIv3key0123456', [old]))),
    ],
    [
      'a list whose body was changed',
      () =>
        encode({
          ...answer(certificateList(TEST_KEY, [old])),
          body: Buffer.from(certificateList(TEST_KEY, [fresh])),
        }),
    ],
  ])('are ignored and reported when the file holds %s', async (_, content) => {
    await fill();
    await writeFile(file(), content());
    const { store, written } = watched();
    const context = connect(store);
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
    expect(context.events[0]).toMatchObject({ type: 'refused', what: 'store-entry' });
    expect(context.events[1]).toMatchObject({ type: 'renewed', source: 'platform' });
    expect(platform.downloads).toBe(2);
    await written;
  });

  function encode({ headers, body }: SignedAnswer): string {
    return JSON.stringify({ format: 1, headers, body: body.toString('base64') });
  }

  it('never go back: an older list does not replace a newer one, on disk or in memory', async () => {
    const store = new DirectoryCertificateStore(directory);
    const older = answer(certificateList(TEST_KEY, [old]));
    platform.clock.advance(1000);
    const newer = answer(certificateList(TEST_KEY, [old, fresh]));
    await expect(store.writeIfNewer(TEST_MCHID, newer)).resolves.toBe(true);
    await expect(store.writeIfNewer(TEST_MCHID, older)).resolves.toBe(false);
    await expect(store.writeIfNewer(TEST_MCHID, newer)).resolves.toBe(false);
    expect((await store.read(TEST_MCHID))?.body.equals(newer.body)).toBe(true);
  });

  it('are replaced by a genuine list when their signed time lies far in the future', async () => {
    const store = new DirectoryCertificateStore(directory);
    const genuine = answer(certificateList(TEST_KEY, [old]));
    platform.clock.advance(365 * 86_400_000);
    const future = answer(certificateList(TEST_KEY, [fresh]));
    platform.clock.advance(-365 * 86_400_000);
    await expect(store.writeIfNewer(TEST_MCHID, future)).resolves.toBe(true);
    await expect(store.writeIfNewer(TEST_MCHID, genuine)).resolves.toBe(true);
    expect((await store.read(TEST_MCHID))?.body.equals(genuine.body)).toBe(true);
    await expect(store.writeIfNewer(TEST_MCHID, future)).resolves.toBe(false);
    expect((await store.read(TEST_MCHID))?.body.equals(genuine.body)).toBe(true);
  });

  it('are not believed when their signed time lies in the future: the platform is asked', async () => {
    platform.clock.advance(600_000);
    const future = answer(certificateList(TEST_KEY, [old]));
    platform.clock.advance(-600_000);
    await new DirectoryCertificateStore(directory).writeIfNewer(TEST_MCHID, future);
    const { store, written } = watched();
    const context = connect(store);
    await context.http.get('/v3/x');
    expect(platform.downloads).toBe(1);
    expect(context.events).toMatchObject([
      { type: 'refused', what: 'store-entry', error: { code: 'CERTIFICATES_INVALID' } },
      { type: 'renewed', source: 'platform' },
    ]);
    await expect(written).resolves.toBe(true);
  });

  it('never replace the keys in force when the file was rolled back', async () => {
    await fill();
    const rolledBack = await readFile(file(), 'utf8');
    platform.listed = [old, fresh];
    platform.clock.advance(1000);
    const read = jest.fn(() => Promise.resolve(JSON.parse(rolledBack) as never));
    const context = connect({
      ...ALONE,
      read: async () => {
        const { headers, body } = await read();
        return { headers, body: Buffer.from(body, 'base64') };
      },
      writeIfNewer: () => Promise.resolve(false),
    });
    await context.certificates.refresh();
    platform.signer = fresh;
    await context.certificates.find('ABCD'); // reads the store
    expect(read).toHaveBeenCalledTimes(1);
    expect(context.certificates.keyRing.keys.map(({ id }) => id).sort()).toEqual([
      old.id,
      fresh.id,
    ]);
  });

  it('hold the entry of each merchant by its number, and nothing outside the directory', async () => {
    const store = new DirectoryCertificateStore(directory);
    for (const mchid of ['../x', '', 'a', '1/2', '__proto__']) {
      await expect(rejection(store.read(mchid))).resolves.toMatchObject({
        name: 'WechatPayStoreError',
      });
      await expect(rejection(store.writeIfNewer(mchid, answer('{}')))).resolves.toMatchObject({
        code: 'STORE_FAILED',
      });
    }
    await expect(store.read('1')).resolves.toBeUndefined();
  });

  it('are not needed: a store that cannot write is an event, and calls go on', async () => {
    await writeFile(directory, 'a file where the directory should be');
    const context = connect();
    await context.http.get('/v3/x');
    expect(context.events.map(({ type }) => type)).toEqual(['store-lost', 'renewed']);
  });

  it('are waited for two seconds and no longer', async () => {
    jest.useFakeTimers({
      doNotFake: [
        'setImmediate',
        'nextTick',
        'queueMicrotask',
        'performance',
        'Date',
        'setInterval',
      ],
    });
    try {
      let asked: () => void = () => undefined;
      const reading = new Promise<void>((resolve) => (asked = resolve));
      const hanging: CertificateStore = {
        ...ALONE,
        read: () => (asked(), new Promise(() => undefined)),
        writeIfNewer: () => Promise.resolve(true),
      };
      const context = connect(hanging);
      const call = context.http.get('/v3/x');
      await reading;
      jest.advanceTimersByTime(2_000);
      await expect(call).resolves.toMatchObject({ status: 200 });
      expect(context.events[0]).toMatchObject({
        type: 'store-lost',
        error: { code: 'STORE_FAILED', message: expect.stringContaining('2000 ms') },
      });
    } finally {
      jest.useRealTimers();
    }
  });
});
