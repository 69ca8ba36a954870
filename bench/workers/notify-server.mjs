/** A Nest application with one notification route: ours, or the same written by hand. */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answer } from '../support/rpc.mjs';
import { Meter } from '../support/stats.mjs';

/** How long a queue may take to run dry. */
const SETTLES_WITHIN_MS = 30_000;

let app;
/** Since the start, and when the round began. */
let handled = 0;
let handledBefore = 0;
let meter;
/** Whether 204 comes before the handler has run. */
let isQueued = false;
let audit;

/** `express`: Nest's default, which a user gets without naming it. */
async function adapter(platform) {
  if (platform === 'express') return [];
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return [new FastifyAdapter()];
}

/** Waits for a queue to run dry; what is not queued was handled before it was answered. */
async function handleAll(delivered) {
  const end = performance.now() + SETTLES_WITHIN_MS;
  while (isQueued && handled < delivered && performance.now() < end) await sleep(2);
  if (handled < delivered) {
    throw new Error(`${delivered} were answered 204, but only ${handled} handled`);
  }
}

/** Looks whether each of those that were delivered is credited, and once. */
async function verify(delivered) {
  if (!audit) return;
  const { credited, doubled } = await audit();
  if (credited !== delivered || doubled > 0) {
    throw new Error(`${delivered} orders were paid, ${credited} credited, ${doubled} repeatedly`);
  }
}

answer({
  async start({ framework, route, merchant, platform, backend }) {
    const { makeRoute } = await import(`./routes/${route}.mjs`);
    const made = await makeRoute({
      merchant,
      platform,
      backend,
      // What an application does with the payment, short enough not to hide the difference.
      onPaid(transaction) {
        if (transaction.trade_state !== 'SUCCESS') throw new Error('not a payment');
        handled++;
      },
    });
    const { imports = [], providers = [], controller } = made;
    ({ isQueued = false, audit } = made);
    class AppModule {}
    Module({ imports, providers, controllers: controller ? [controller] : [] })(AppModule);
    app = await NestFactory.create(AppModule, ...(await adapter(framework)), {
      rawBody: true,
      logger: ['fatal', 'error', 'warn'],
    });
    await app.listen(0, '127.0.0.1');
    return { url: `http://127.0.0.1:${app.getHttpServer().address().port}` };
  },
  async settle({ delivered }) {
    await handleAll(delivered);
    await verify(delivered);
  },
  async begin({ delivered }) {
    await handleAll(delivered);
    handledBefore = handled;
    meter = new Meter();
    meter.start();
  },
  async end({ delivered }) {
    await handleAll(delivered);
    const count = handled - handledBefore;
    const { elapsedMs, ...spent } = meter.stop(count);
    await verify(delivered);
    const figures = isQueued ? { handledPerSecond: (count / elapsedMs) * 1e3, ...spent } : spent;
    return { handled: count, figures };
  },
});
