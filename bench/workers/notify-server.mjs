/** A Nest application with one notification route: ours, or the same written by hand. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answer } from '../support/rpc.mjs';
import { Meter } from '../support/stats.mjs';

let app;
let handled = 0;
let meter;

/** `express`: Nest's default, which a user gets without naming it. */
async function adapter(platform) {
  if (platform === 'express') return [];
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return [new FastifyAdapter()];
}

answer({
  async start({ framework, route, merchant, platform }) {
    const { makeRoute } = await import(`./routes/${route}.mjs`);
    const {
      imports = [],
      providers = [],
      controller,
    } = await makeRoute({
      merchant,
      platform,
      // What an application does with the payment, short enough not to hide the difference.
      onPaid(transaction) {
        if (transaction.trade_state !== 'SUCCESS') throw new Error('not a payment');
        handled++;
      },
    });
    class AppModule {}
    Module({ imports, providers, controllers: controller ? [controller] : [] })(AppModule);
    app = await NestFactory.create(AppModule, ...(await adapter(framework)), {
      rawBody: true,
      logger: ['fatal', 'error', 'warn'],
    });
    await app.listen(0, '127.0.0.1');
    return { url: `http://127.0.0.1:${app.getHttpServer().address().port}` };
  },
  begin() {
    handled = 0;
    meter = new Meter();
    meter.start();
  },
  end() {
    const { elapsedMs: _, ...spent } = meter.stop(handled);
    return { handled, figures: spent };
  },
});
