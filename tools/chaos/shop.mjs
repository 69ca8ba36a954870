/** A shop: a Nest application with the ready route, in a process that may be killed at any moment. */
import 'reflect-metadata';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { useWechatPayRawBody, WechatPayModule } from 'nestjs-wechatpay';
import { wechatPayOptions } from '../../bench/support/product.mjs';

process.on('SIGINT', () => undefined); // Ctrl-C reaches every process; the conductor decides
const [{ mode, parties, path, settings }] = await once(process, 'message');
const { shopParts } = await import(`./modes/${mode}.mjs`);
const { options: more, providers, close } = await shopParts(settings);

class ShopModule {}
// Nothing is called at this address: the route only receives.
const options = wechatPayOptions({ baseUrl: 'http://127.0.0.1:9', ...parties });
const imports = [WechatPayModule.forRoot({ ...options, ...more, notification: { path } })];
Module({ imports, providers })(ShopModule);

const app = await NestFactory.create(ShopModule, {
  forceCloseConnections: true,
  logger: ['fatal'],
});
useWechatPayRawBody(app, { path });
process.once('SIGTERM', async () => {
  await app.close();
  await close();
  process.exit(0);
});
await app.listen(0, '127.0.0.1');
process.send({ port: app.getHttpServer().address().port });
