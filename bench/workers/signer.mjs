/** Signs as fast as it can, with the key of an application. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { productUrl, wechatPayOptions } from '../support/product.mjs';
import { answer } from '../support/rpc.mjs';
import { drive } from '../support/stats.mjs';

let jsapi;

answer({
  async start(parties) {
    const { WechatPayModule, WechatPayClient } = await import(productUrl);
    class AppModule {}
    const options = wechatPayOptions({ baseUrl: 'http://127.0.0.1:9', ...parties });
    Module({ imports: [WechatPayModule.forRoot(options)] })(AppModule);
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    ({ jsapi } = app.get(WechatPayClient, { strict: false }).payments);
  },
  /** Signatures a second: those of invocation parameters, one each. */
  async sign({ durationMs, concurrency }) {
    const startedAt = performance.now();
    const signed = await drive(() => jsapi.invocation('wx201410272009395522657a690389285100'), {
      durationMs,
      concurrency,
    });
    return signed.length / ((performance.now() - startedAt) / 1e3);
  },
});
