/** Loads credentials in every way there is, and says how long each takes in microseconds. */
import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { productUrl } from '../../support/product.mjs';
import { answer } from '../../support/rpc.mjs';
import { mchidOf, merchantAt, optionsOf } from '../../support/roster.mjs';
import { median, quantile } from '../../support/stats.mjs';

const product = await import(productUrl);
const { credentialFrom, fromFile, WechatPayMerchants, WechatPayMerchantsModule } = product;

/** Nothing is called at this address. */
const NOWHERE = 'http://127.0.0.1:9';
/** Subscribers of a snapshot: a generous application. */
const SUBSCRIBERS = 8;
/** Between two looks at the clock: short enough that a busy machine spares most batches. */
const BATCH = 2_000;

let roster;
let folder;
let app;
let merchants;
let fields;

async function writeFiles() {
  folder = await mkdtemp(join(tmpdir(), 'wechatpay-bench-keys-'));
  const { privateKey, certificate, apiV3Key } = merchantAt(roster, mchidOf(0));
  const contents = { privateKey, certificate, apiV3Key: `${apiV3Key}\n` };
  fields = {};
  for (const [name, content] of Object.entries(contents)) {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    fields[name] = path;
  }
}

const fromFiles = () =>
  credentialFrom(
    Object.fromEntries(Object.entries(fields).map(([name, path]) => [name, fromFile(path)])),
  );

const optionsFromFiles = (more) =>
  optionsOf(merchantAt(roster, mchidOf(0)), NOWHERE, { credential: fromFiles(), ...more });

async function timed(work) {
  const begun = performance.now();
  const result = await work();
  return { micros: (performance.now() - begun) * 1e3, result };
}

/** Repeats with a merchant of its own each time. */
async function repeat(count, once) {
  const times = [];
  for (let n = 0; n < count; n++) {
    times.push(await once());
    merchants.remove(mchidOf(0));
  }
  return spread(times);
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return { micros: median(sorted), slowMicros: quantile(sorted, 0.99) };
}

/** The mean of a batch, in each of several batches. */
async function batches(count, once) {
  const times = [];
  // As many again before them warm up.
  for (let batch = -count; batch < count; batch++) {
    const begun = performance.now();
    await once();
    if (batch >= 0) times.push(((performance.now() - begun) * 1e3) / BATCH);
  }
  return spread(times);
}

answer({
  async start(args) {
    ({ roster } = args);
    await writeFiles();
    class AppModule {}
    Module({ imports: [WechatPayMerchantsModule.forRoot({})] })(AppModule);
    app = await NestFactory.createApplicationContext(AppModule, { logger: ['fatal', 'error'] });
    merchants = app.get(WechatPayMerchants, { strict: false });
  },
  /** The very first one of a process: nothing is compiled, nothing in OpenSSL was used before. */
  async first() {
    const { credentials } = await merchants.add(optionsFromFiles());
    const { micros } = await timed(() => credentials.get());
    merchants.remove(mchidOf(0));
    return { micros };
  },
  cold: ({ count }) =>
    repeat(count, async () => {
      const { credentials } = await merchants.add(optionsFromFiles());
      return (await timed(() => credentials.get())).micros;
    }),
  values: ({ count }) =>
    repeat(count, async () => {
      const options = optionsOf(merchantAt(roster, mchidOf(0)), NOWHERE);
      return (await timed(() => merchants.add(options))).micros;
    }),
  /** The first use after a start with `preload`. */
  preloaded: ({ count }) =>
    repeat(count, async () => {
      // Its platform cannot be reached, which `preload` forgives.
      const { credentials } = await merchants.add(optionsFromFiles({ preload: true }));
      return (await timed(() => credentials.get())).micros;
    }),
  async cached({ count }) {
    const { credentials } = await merchants.add(optionsFromFiles());
    await credentials.get();
    let found = 0;
    const awaited = await batches(count, async () => {
      for (let n = 0; n < BATCH; n++) if (await credentials.get()) found++;
    });
    const read = await batches(count, () => {
      for (let n = 0; n < BATCH; n++) if (credentials.credential) found++;
    });
    if (found !== 4 * BATCH * count) throw new Error('a credential was not there');
    merchants.remove(mchidOf(0));
    return { awaited, read };
  },
  /**
   * What putting a snapshot in force takes, subscribers included. Of the platform's keys:
   * `distrust()` of a serial number that is not held makes a ring, publishes it and an event, and
   * nothing else. Of the merchant's: `replace()` with a parsed key and a serial number alone leaves
   * little to check.
   */
  async publish({ count }) {
    const [one, other] = [0, 1].map((generation) => {
      const { serialNo, privateKey, apiV3Key } = merchantAt(roster, mchidOf(0), generation);
      return { serialNo, privateKey, apiV3Keys: [apiV3Key] };
    });
    // Two keys stand for the two certificates of an overlap: the ring is no other.
    const publicKey = roster.pool.slice(0, 2).map(({ publicKey: key }, n) => ({
      id: `PUB_KEY_ID_${String(n).padStart(32, '0')}`,
      key,
    }));
    const context = await merchants.add(optionsFromFiles({ platform: { publicKey } }));
    const { credentials, certificates } = context;
    await credentials.get();
    const parsed = [];
    for (const material of [one, other]) {
      const { privateKey } = await credentials.replace(material);
      parsed.push({ ...material, privateKey });
    }
    let told = 0;
    for (let n = 0; n < SUBSCRIBERS; n++) {
      certificates.keyRing$.subscribe(() => told++);
      credentials.credential$.subscribe(() => told++);
    }
    const before = told;
    const ring = [];
    const credential = [];
    for (let n = 0; n < 2 * count; n++) {
      ring.push((await timed(() => certificates.distrust(`6C${n.toString(16)}`))).micros);
      credential.push((await timed(() => credentials.replace(parsed[n % 2]))).micros);
    }
    if (told - before !== 4 * count * SUBSCRIBERS) throw new Error('a subscriber was not told');
    merchants.remove(mchidOf(0));
    // The first half warms up.
    return { ring: spread(ring.slice(count)), credential: spread(credential.slice(count)) };
  },
  async stop() {
    await app.close();
    await rm(folder, { recursive: true, force: true });
  },
});
