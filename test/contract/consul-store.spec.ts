import { describe, expect, it } from '@jest/globals';
import Consul from 'consul';
import { ConsulCertificateStore } from 'nestjs-wechatpay/consul';
import { ConsulServer } from '../support/consul-server.js';
import { until } from '../support/servers.js';
import { answerAt, describeCertificateStore } from './certificate-store.js';

/** No Consul can be had from Debian: a stand-in of its documented API answers the real client. */
describe('a certificate store in Consul', () => {
  describeCertificateStore(async () => {
    const server = await ConsulServer.start({ secondMs: 50 });
    let clients: Consul[] = [];
    return {
      open: (pollMs = 1_000) => {
        const client = new Consul({ host: '127.0.0.1', port: server.port });
        clients.push(client);
        return new ConsulCertificateStore(client, { pollMs });
      },
      plant: (mchid, bytes) => {
        server.plant(`wechatpay/certificates/entry/${mchid}`, bytes);
        return Promise.resolve();
      },
      largestBytes: 512 * 1024,
      reset: () => {
        for (const client of clients) client.destroy();
        clients = [];
        server.clear();
        return Promise.resolve();
      },
      close: () => server.close(),
      watchers: () => server.waiting,
      faults: {
        kill: () => server.kill(),
        restart: () => server.restart(),
        freeze: () => server.freeze(),
        thaw: () => server.thaw(),
        cut: () => Promise.resolve(server.cut()),
      },
      lease: { shortestMs: 500, graceMs: 1_000 },
      isShared: true,
    };
  });

  it('tells of everything when the server counts from the beginning again', async () => {
    const server = await ConsulServer.start();
    const client = new Consul({ host: '127.0.0.1', port: server.port });
    const store = new ConsulCertificateStore(client, { pollMs: 500 });
    const seen: string[] = [];
    const subscription = store.changes().subscribe((mchid) => seen.push(mchid));
    try {
      await store.read('1');
      for (const mchid of ['1', '2', '3']) await store.writeIfNewer(mchid, answerAt(1_000));
      await until('all are seen', () => ['1', '2', '3'].every((mchid) => seen.includes(mchid)));
      seen.length = 0;
      server.lose();
      await store.writeIfNewer('4', answerAt(1_000));
      await until('the new one is seen', () => seen.includes('4'));
      expect(seen).not.toContain('1');
    } finally {
      subscription.unsubscribe();
      client.destroy();
      await server.close();
    }
  });

  it('refuses an entry without a value', async () => {
    const server = await ConsulServer.start();
    const client = new Consul({ host: '127.0.0.1', port: server.port });
    const store = new ConsulCertificateStore(client);
    try {
      server.plant('wechatpay/certificates/entry/1', Buffer.alloc(0));
      await expect(store.read('1')).rejects.toMatchObject({ code: 'STORE_ENTRY_INVALID' });
      await expect(store.writeIfNewer('1', answerAt(1_000))).resolves.toBe(true);
    } finally {
      client.destroy();
      await server.close();
    }
  });
});
