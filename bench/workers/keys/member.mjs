/** One of several processes that share a store: it makes calls all the time and renews when it is told. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { importStore, leaseMs, productUrl } from '../../support/product.mjs';
import { answer } from '../../support/rpc.mjs';
import { mchidOf, merchantAt, optionsOf } from '../../support/roster.mjs';

const LEASE_MS = leaseMs();
/** A call is begun this often, whatever became of those before. */
const CALL_EVERY_MS = 50;

const product = await import(productUrl);

let app;
let client;
let certificates;
let isEnding = false;
let counts;
/** When each certificate was first held, in milliseconds since 1970. */
const heldSince = new Map();

const OPEN = {
  async redis(url) {
    const { Redis } = await import('ioredis');
    const { RedisCertificateStore } = await importStore('redis');
    const connection = new Redis(url);
    connection.on('error', () => undefined); // the store says so
    return new RedisCertificateStore(connection);
  },
  async etcd(url) {
    const { Etcd3 } = await import('etcd3');
    const { EtcdCertificateStore } = await importStore('etcd');
    return new EtcdCertificateStore(new Etcd3({ hosts: url }));
  },
};

function forget() {
  const was = counts;
  counts = { calls: 0, failed: 0, firstFailure: undefined };
  return was;
}

async function call(n) {
  try {
    await client.payments.native.prepay({
      description: '一杯咖啡',
      out_trade_no: `bench${String(n).padStart(12, '0')}`,
      amount: { total: 100, currency: 'CNY' },
    });
  } catch (error) {
    counts.failed++;
    counts.firstFailure ??= String(error?.stack ?? error);
  }
  counts.calls++;
}

async function callOnAndOn() {
  for (let n = 0; !isEnding; n++) {
    void call(n);
    await sleep(CALL_EVERY_MS);
  }
}

answer({
  async start({ roster, baseUrl, store: { kind, url } }) {
    const store = await OPEN[kind](url);
    class AppModule {}
    Module({
      imports: [
        product.WechatPayModule.forRoot(
          optionsOf(merchantAt(roster, mchidOf(0)), baseUrl, { store }),
        ),
      ],
    })(AppModule);
    app = await NestFactory.createApplicationContext(AppModule, { logger: ['fatal'] });
    client = app.get(product.WechatPayClient, { strict: false });
    certificates = app.get(product.CertificateProvider, { strict: false });
    certificates.keyRing$.subscribe(({ keys }) => {
      for (const { id } of keys) if (!heldSince.has(id)) heldSince.set(id, Date.now());
    });
    forget();
  },
  beginCalls() {
    void callOnAndOn();
  },
  /** Calls since the last time it was asked. */
  takeCounts: forget,
  /** A download now, as for a renewal that is due here alone. */
  async refresh() {
    const begunAtMs = Date.now();
    await certificates.refresh();
    return { begunAtMs };
  },
  /** What the scheduler does when a renewal is due: whoever finds the lease taken comes back after it. */
  async renew({ minAgeMs, tries = 1 }) {
    for (let n = 1; ; n++) {
      const outcome = await certificates.renew(minAgeMs);
      if (outcome !== 'busy' || n >= tries) return { outcome, atMs: Date.now() };
      await sleep(LEASE_MS * (1 + 0.5 * Math.random()));
    }
  },
  /** Since when this certificate is held, if it is. */
  heldSince: ({ serialNo }) => ({ sinceMs: heldSince.get(serialNo) }),
  async stop() {
    isEnding = true;
    await app.close();
    setImmediate(() => process.exit(0));
  },
});
