/** A shop that calls at a steady rate, however long calls take, and writes down what became of each. */
import 'reflect-metadata';
import { subscribe } from 'node:diagnostics_channel';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { productUrl, wechatPayOptions } from '../../support/product.mjs';
import { answer } from '../../support/rpc.mjs';

let client;
let app;
let begun = 0;
let attempts = 0;
/** `{ kind, atMs, tookMs, code, origin }` of every call of a run. */
let calls = [];
let running = [];
let timer;

const KINDS = {
  read: () => client.payments.native.queryByOutTradeNo('bench0000001'),
  write: (number) =>
    client.payments.native.prepay({
      description: '一杯咖啡',
      out_trade_no: number,
      amount: { total: 100, currency: 'CNY' },
    }),
  refund: (number) =>
    client.refunds.create({
      out_trade_no: 'bench0000001',
      out_refund_no: number,
      amount: { total: 100, refund: 1, currency: 'CNY' },
    }),
};

function begin(kind) {
  const number = `bench${String(begun++).padStart(12, '0')}`;
  const atMs = Date.now();
  const startedAt = performance.now();
  const done = (code) => calls.push({ kind, atMs, tookMs: performance.now() - startedAt, code });
  const call = KINDS[kind](number);
  running.push(
    call.then(
      () => done(''),
      (error) => done(error.code ?? String(error)),
    ),
  );
}

answer({
  async start({ baseUrl, backupUrl, parties, http }) {
    const { WechatPayModule, WechatPayClient } = await import(productUrl);
    class AppModule {}
    const options = { ...wechatPayOptions({ baseUrl, ...parties }), backupUrl, http };
    Module({ imports: [WechatPayModule.forRoot(options)] })(AppModule);
    app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    client = app.get(WechatPayClient, { strict: false });
    subscribe('tracing:nestjs-wechatpay:attempt:start', () => attempts++);
  },
  /** Begins calls of these kinds in turn, so many a second, until `stop`. */
  drive({ perSecond, kinds }) {
    const startedAt = performance.now();
    let made = 0;
    timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond;
      for (; made < due; made++) begin(kinds[made % kinds.length]);
    }, 4);
  },
  /** Attempts and calls begun since the last `finish`. */
  soFar: () => ({ attempts, begun: running.length }),
  /** Waits for the calls under way, and tells of all. */
  async finish() {
    clearInterval(timer);
    await Promise.all(running);
    const result = { calls, attempts };
    [calls, running, attempts] = [[], [], 0];
    return result;
  },
});
