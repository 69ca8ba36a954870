import { expect, it } from '@jest/globals';
import { Etcd3 } from 'etcd3';
import { EtcdCertificateStore } from 'nestjs-wechatpay/etcd';
import { describeWithProgram } from '../support/requires.js';
import { startEtcd, until } from '../support/servers.js';
import { answerAt, describeCertificateStore } from './certificate-store.js';

describeWithProgram('etcd', 'a certificate store in etcd', () => {
  describeCertificateStore(async () => {
    const server = await startEtcd();
    const admin = new Etcd3({ hosts: server.url });
    let clients: Etcd3[] = [];
    return {
      open: (pollMs = 1_000) => {
        const client = new Etcd3({ hosts: server.url });
        clients.push(client);
        return new EtcdCertificateStore(client, { pollMs });
      },
      plant: async (mchid, bytes) => {
        await admin.put(`wechatpay/certificates/entry/${mchid}`).value(bytes);
      },
      largestBytes: 1_500_000, // of a request: 1.5 MiB
      reset: async () => {
        for (const client of clients) client.close();
        clients = [];
        await until('etcd is empty', () =>
          admin
            .delete()
            .all()
            .then(
              () => true,
              () => false,
            ),
        );
      },
      close: async () => {
        admin.close();
        await server.close();
      },
      watchers: () => watchers(server.url),
      faults: {
        kill: server.kill,
        restart: server.restart,
        freeze: server.freeze,
        thaw: server.thaw,
        cut: () => Promise.resolve(),
      },
      lease: { shortestMs: 2_000, graceMs: 3_000 },
      isShared: true,
    };
  });

  it('tells of more merchants than one answer holds', async () => {
    const server = await startEtcd();
    const client = new Etcd3({ hosts: server.url });
    const store = new EtcdCertificateStore(client, { pollMs: 200 });
    const seen = new Set<string>();
    try {
      await store.writeIfNewer('1', answerAt(1_000));
      const first = store.changes().subscribe();
      await until('it knows where it begins', async () => (await watchers(server.url)) === 1);
      first.unsubscribe();
      // 1,000 fit in an answer: with one alone in front, it ends amid those of a transaction
      await client.put('wechatpay/certificates/changed/9999').value('1');
      const mchids = Array.from({ length: 1_100 }, (_, index) => String(10_000 + index));
      for (let at = 0; at < mchids.length; at += 100) {
        const puts = mchids
          .slice(at, at + 100)
          .map((mchid) => client.put(`wechatpay/certificates/changed/${mchid}`).value('1'));
        await client
          .if('none', 'Create', '==', 0)
          .then(...puts)
          .commit();
      }
      const subscription = store.changes().subscribe((mchid) => seen.add(mchid));
      await until('all are told', () => mchids.every((mchid) => seen.has(mchid)), 40_000);
      subscription.unsubscribe();
      expect(seen).toContain('9999');
    } finally {
      client.close();
      await server.close();
    }
  }, 60_000);
});

async function watchers(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(metrics)?.[1]);
}
