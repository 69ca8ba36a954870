import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { useWechatPayRawBody } from 'nestjs-wechatpay';
import { ShopModule } from './shop.module.js';

const app = await NestFactory.create<NestExpressApplication>(ShopModule, {
  logger: ['error', 'fatal'],
});
useWechatPayRawBody(app, { path: '/wechatpay/notify' });
await app.listen(Number(process.env['PORT']), '127.0.0.1');
process.send?.('ready');
process.once('disconnect', () => process.exit()); // the demonstration is over
