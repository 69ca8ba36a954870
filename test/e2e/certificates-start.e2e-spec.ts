import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryCertificateStore } from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';
import { until } from '../support/servers.js';

const FIRST_PAUSE_MS = 100;

describe('a process that starts while another one downloads', () => {
  let platform: CertificatePlatform;
  let context: TestContext;
  let timers: NodeJS.Timeout[];

  beforeEach(async () => {
    platform = await CertificatePlatform.start(certificateSigner('old', { serial: '0E3A0001' }));
    const store = new MemoryCertificateStore();
    store.tryLease = async () => false;
    context = merchantContext(testOptions({ baseUrl: platform.url, store }), {
      clock: platform.clock,
    });
    timers = [];
    const original = setTimeout;
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(((
      run: () => void,
      delayMs?: number,
    ) => {
      const timer = original(run, delayMs);
      if (delayMs === FIRST_PAUSE_MS) timers.push(timer);
      return timer;
    }) as typeof setTimeout);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await context.end();
    await platform.close();
  });

  it('stays alive while it waits: with a store of files nothing else keeps it so', async () => {
    const ready = context.certificates.ready();
    await until('it waits', () => timers.length > 0);
    expect(timers.map((timer) => timer.hasRef())).toEqual([true]);
    await ready;
    expect(platform.downloads).toBe(1);
  });

  it('stops waiting when it is closed', async () => {
    const ready = context.certificates.ready();
    ready.catch(() => undefined); // looked at below
    await until('it waits', () => timers.length > 0);
    const started = performance.now();
    context.certificates.close();
    await expect(ready).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(1000);
    expect(platform.downloads).toBe(0);
  });
});
