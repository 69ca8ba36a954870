/**
 * A shop under full load: a Nest application that places orders, many at a time, and receives
 * notifications through the guarded route, while its keys and the platform's are rotated.
 */
import 'reflect-metadata';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Subject } from 'rxjs';
import { productUrl } from '../../support/product.mjs';
import { answer } from '../../support/rpc.mjs';
import { merchantAt, NOTIFY_PATH, optionsOf } from '../../support/roster.mjs';
import { Meter, quantile } from '../../support/stats.mjs';

const product = await import(productUrl);

let roster;
let mchid;
let app;
let client;
let certificates;
let credentials;
let handled = 0;
let round;
let lanes;
let isEnding = false;
/** The credential as its source delivers it. */
const source = { material: undefined, changes: new Subject() };

function materialAt(generation) {
  const { privateKey, certificate, apiV3Key } = merchantAt(roster, mchid, generation);
  return { privateKey, certificate, apiV3Keys: [apiV3Key] };
}

function makeController() {
  class NotifyController {
    notify(notification) {
      if (notification.payload.trade_state !== 'SUCCESS') throw new Error('not a payment');
      handled++;
    }
  }
  const { prototype } = NotifyController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'notify');
  Post()(prototype, 'notify', descriptor);
  product.WechatPayNotify()(prototype, 'notify', descriptor);
  product.WechatPayNotification()(prototype, 'notify', 0);
  Controller(NOTIFY_PATH)(NotifyController);
  return NotifyController;
}

function newRound() {
  const meter = new Meter();
  meter.start();
  return { latencies: [], calls: 0, failed: 0, firstFailure: undefined, meter };
}

/** Places one order after the other; what fails is counted. */
async function lane(index) {
  for (let n = 0, begun = performance.now(); !isEnding; n++) {
    try {
      const { code_url: url } = await client.payments.native.prepay({
        description: '一杯咖啡',
        out_trade_no: `bench${String(index).padStart(3, '0')}${String(n).padStart(9, '0')}`,
        amount: { total: 100, currency: 'CNY' },
      });
      if (!url?.startsWith('weixin://')) throw new Error(`unexpected answer: ${url}`);
    } catch (error) {
      round.failed++;
      round.firstFailure ??= String(error?.stack ?? error);
    }
    const now = performance.now();
    round.calls++;
    round.latencies.push(now - begun);
    begun = now;
  }
}

answer({
  async start({ baseUrl, graceMs, ...given }) {
    ({ roster, mchid } = given);
    source.material = materialAt(0);
    const { WechatPayModule, WechatPayClient } = product;
    const options = optionsOf(merchantAt(roster, mchid), baseUrl, {
      credential: { load: async () => source.material, changes: source.changes },
      renewal: { graceMs },
      preload: true,
    });
    class AppModule {}
    Module({ imports: [WechatPayModule.forRoot(options)], controllers: [makeController()] })(
      AppModule,
    );
    app = await NestFactory.create(AppModule, { rawBody: true, logger: ['fatal', 'error'] });
    await app.listen(0, '127.0.0.1');
    client = app.get(WechatPayClient, { strict: false });
    certificates = app.get(product.CertificateProvider, { strict: false });
    credentials = app.get(product.MerchantCredentialProvider, { strict: false });
    return { url: `http://127.0.0.1:${app.getHttpServer().address().port}` };
  },
  beginCalls({ concurrency }) {
    round = newRound();
    lanes = Promise.all(Array.from({ length: concurrency }, (_, index) => lane(index)));
  },
  /** Ends a round, tells its figures and begins the next one. */
  mark() {
    const { latencies, calls, failed, firstFailure, meter } = round;
    const { elapsedMs, ...spent } = meter.stop(calls);
    round = newRound();
    const sorted = Float64Array.from(latencies).sort();
    return {
      calls,
      failed,
      firstFailure,
      figures: {
        requestsPerSecond: calls / (elapsedMs / 1e3),
        p50Ms: quantile(sorted, 0.5),
        p99Ms: quantile(sorted, 0.99),
        ...spent,
      },
    };
  },
  async endCalls() {
    isEnding = true;
    await lanes;
    return { handled };
  },
  /** What the scheduler does when a renewal is due. */
  async renew() {
    await certificates.renew(0);
    return certificates.keyRing.keys.map(({ id }) => id);
  },
  /** Another credential appears at its source, which says so. */
  async rotate({ generation }) {
    const { serialNo } = merchantAt(roster, mchid, generation);
    const inForce = new Promise((resolve) => {
      const subscription = credentials.credential$.subscribe((credential) => {
        if (credential.serialNo !== serialNo) return;
        resolve();
        queueMicrotask(() => subscription.unsubscribe());
      });
    });
    source.material = materialAt(generation);
    source.changes.next();
    await inForce;
  },
  async stop() {
    await app.close();
  },
});
