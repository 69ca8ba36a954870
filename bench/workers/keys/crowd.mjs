/**
 * Very many merchants in one process, each with its own credential, its own certificate list and one
 * call made. Runs with `--expose-gc`.
 */
import 'reflect-metadata';
import { Controller, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { productUrl } from '../../support/product.mjs';
import { answer } from '../../support/rpc.mjs';
import { mchidOf, merchantAt, NOTIFY_PATH, optionsOf } from '../../support/roster.mjs';
import { median, quantile } from '../../support/stats.mjs';

/** Every timer that this process makes, and who made it: unreferenced ones are in no list of Node's. */
const timers = new Map();
watchTimers();
const product = await import(productUrl);

/** Lookups between two looks at the clock: short enough that a busy machine spares most batches. */
const BATCH = 2_000;
const WORKERS = 64;

let roster;
let baseUrl;
let app;
let merchants;

function watchTimers() {
  for (const name of ['setTimeout', 'setInterval']) {
    const original = globalThis[name];
    const watched = (...args) => {
      const timer = original(...args);
      if (timers.size > 5_000) forgetEnded();
      timers.set(timer, new Error('timer').stack);
      return timer;
    };
    globalThis[name] = Object.assign(watched, original);
  }
}

function forgetEnded() {
  for (const timer of timers.keys()) if (timer._destroyed) timers.delete(timer);
}

/** Timers of the package that are still to run. */
function runningTimers() {
  forgetEnded();
  const { pathname } = new URL('.', productUrl);
  return [...timers.values()].filter((stack) => stack.includes(decodeURI(pathname))).length;
}

/** What is held when nothing is left to collect. */
async function memory() {
  for (let round = 0; round < 4; round++) {
    await sleep(50);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { held: heapUsed + external, rss };
}

function makeController() {
  class NotifyController {
    notify() {
      throw new Error('nothing genuine was sent');
    }
  }
  const { prototype } = NotifyController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'notify');
  Post(':mchid')(prototype, 'notify', descriptor);
  product.WechatPayNotify({ merchant: ({ params }) => params.mchid })(
    prototype,
    'notify',
    descriptor,
  );
  Param('mchid')(prototype, 'notify', 0);
  Controller(NOTIFY_PATH)(NotifyController);
  return NotifyController;
}

async function use(mchid) {
  const { client } = await merchants.get(mchid);
  await client.payments.native.prepay({
    description: '一杯咖啡',
    out_trade_no: `bench${mchid}`,
    amount: { total: 100, currency: 'CNY' },
  });
}

async function useAll(from, to) {
  let next = from;
  const work = async () => {
    while (next < to) await use(mchidOf(next++));
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

answer({
  async start(args) {
    ({ roster, baseUrl } = args);
    // A merchant's options come from somewhere each time; nothing of them is kept here.
    const resolve = (mchid) => optionsOf(merchantAt(roster, mchid), baseUrl);
    class AppModule {}
    const { WechatPayMerchantsModule } = product;
    Module({
      imports: [WechatPayMerchantsModule.forRoot({ resolve, maxLoaded: 10_000 })],
      controllers: [makeController()],
    })(AppModule);
    app = await NestFactory.create(AppModule, { rawBody: true, logger: ['fatal', 'error'] });
    await app.listen(0, '127.0.0.1');
    merchants = app.get(product.WechatPayMerchants, { strict: false });
    return { url: `http://127.0.0.1:${app.getHttpServer().address().port}` };
  },
  /** Loads and uses so many, after a few that fill caches and connections and stay. */
  async fill({ count, warm }) {
    await useAll(0, warm);
    const before = await memory();
    await useAll(warm, count);
    const after = await memory();
    const added = count - warm;
    if (merchants.names.length !== count) throw new Error('a merchant was unloaded');
    return {
      kilobytes: (after.held - before.held) / 1_000 / added,
      residentKilobytes: (after.rss - before.rss) / 1_000 / added,
    };
  },
  /** `find()` of merchants in no order. */
  lookups({ count, batches }) {
    const names = Array.from({ length: 8 * BATCH }, () =>
      mchidOf(Math.floor(Math.random() * count)),
    );
    const times = [];
    let found = 0;
    // As many again before them warm up.
    for (let batch = -batches; batch < batches; batch++) {
      const from = (Math.abs(batch) % 8) * BATCH;
      const begun = performance.now();
      for (let n = from; n < from + BATCH; n++) if (merchants.find(names[n])) found++;
      if (batch >= 0) times.push(((performance.now() - begun) * 1e3) / BATCH);
    }
    if (found !== 2 * BATCH * batches) throw new Error('a merchant was not found');
    times.sort((a, b) => a - b);
    return { micros: median(times), slowMicros: quantile(times, 0.99) };
  },
  /** Timers of the package when nothing is under way. */
  async timers() {
    await sleep(200);
    return { timers: runningTimers() };
  },
  async stop() {
    await app.close();
  },
});
