import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Etcd3 } from 'etcd3';
import { Redis } from 'ioredis';
import { EtcdCertificateStore } from 'nestjs-wechatpay/etcd';
import { RedisCertificateStore } from 'nestjs-wechatpay/redis';
import type { CertificateStore } from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { certificateSigner } from '../support/raw-platform.js';
import { describeWithProgram } from '../support/requires.js';
import { startEtcd, startRedis, until, type TestServer } from '../support/servers.js';

const HOUR = 3_600_000;
/** A busy machine takes its time. */
const WITHIN_MS = 40_000;
const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });

/** A store with a connection of its own, as each process has it. */
interface Opened {
  readonly store: CertificateStore;
  end(): void;
}

function describeProcesses(start: () => Promise<TestServer>, open: (url: string) => Opened): void {
  let platform: CertificatePlatform;
  let server: TestServer;
  let ends: (() => Promise<void>)[];

  beforeEach(async () => {
    ends = [];
    platform = await CertificatePlatform.start(old);
    platform.clock.advance(-20 * HOUR); // a store takes no list that is signed in its future
    server = await start();
  }, WITHIN_MS);
  afterEach(async () => {
    server?.thaw();
    for (const end of ends) await end();
    await platform.close();
    await server?.close();
  }, WITHIN_MS);

  const begin = (): TestContext => {
    const { store, end } = open(server.url);
    const context = merchantContext(testOptions({ baseUrl: platform.url, store }), {
      clock: platform.clock,
    });
    ends.push(async () => {
      await context.end();
      end();
    });
    return context;
  };
  const ids = ({ certificates }: TestContext): string[] =>
    certificates.keyRing.keys.map(({ id }) => id).sort();
  const types = ({ events }: TestContext): string[] => events.map(({ type }) => type);

  it('share one download, and what one of them renews', async () => {
    const [first, second] = [begin(), begin()];
    await first.http.get('/v3/x');
    await second.http.get('/v3/x');
    expect(platform.downloads).toBe(1);
    platform.clock.advance(7 * HOUR);
    platform.listed = [old, fresh];
    await first.certificates.refresh();
    await until('the other is told', () => ids(second).length === 2, WITHIN_MS);
    expect(platform.downloads).toBe(2);
  }, 90_000);

  it.each(['is frozen', 'is killed'] as const)(
    'fail no call while the server %s, and meet again when it is back',
    async (how) => {
      const [first, second] = [begin(), begin()];
      await first.http.get('/v3/x');
      await second.http.get('/v3/x');
      await until('what was downloaded is kept', async () => {
        await second.certificates.renew(20 * HOUR);
        return types(second).includes('renewed');
      });
      if (how === 'is frozen') await server.freeze();
      else await server.kill();
      platform.clock.advance(7 * HOUR);
      platform.listed = [old, fresh];
      platform.signer = fresh;
      // the first meets the new key in an answer, and downloads for itself
      await expect(first.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
      expect(types(first)).toContain('store-lost');
      const started = performance.now();
      await expect(first.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
      expect(performance.now() - started).toBeLessThan(1_500); // a lost store is not waited for
      expect(ids(second)).toEqual([old.id]);
      // who starts meanwhile verifies too
      const third = begin();
      await expect(third.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });

      if (how === 'is frozen') server.thaw();
      else await server.restart();
      await until('all hold both', () => ids(second).length === 2, WITHIN_MS);
      await until('it is said', () => types(first).includes('store-back'), WITHIN_MS);
      const fourth = begin();
      const { downloads } = platform;
      await expect(fourth.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
      expect(platform.downloads).toBe(downloads);
      for (const context of [first, second, third]) {
        expect(types(context)).not.toContain('refused');
        expect(types(context)).not.toContain('refresh-failed');
      }
    },
    120_000,
  );
}

describeWithProgram('redis-server', 'processes on one Redis', () => {
  describeProcesses(startRedis, (url) => {
    const client = new Redis(url);
    client.on('error', () => undefined);
    return {
      store: new RedisCertificateStore(client, { pollMs: 500 }),
      end: () => client.disconnect(),
    };
  });
});

describeWithProgram('etcd', 'processes on one etcd', () => {
  describeProcesses(startEtcd, (url) => {
    const client = new Etcd3({ hosts: url });
    return {
      store: new EtcdCertificateStore(client, { pollMs: 500 }),
      end: () => client.close(),
    };
  });
});
