import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { useWechatPayRawBody } from 'nestjs-wechatpay';
import { Report } from './report.js';
import { ShopModule } from './shop.module.js';
import { openStore } from './store.js';

const patienceMs = 1000;
let isStarted = false;

process.on('SIGINT', () => undefined); // Ctrl-C reaches every process; the conductor decides
process.once('SIGTERM', () => void stop());
process.once('disconnect', () => void stop()); // the conductor is gone
if (!process.connected) process.exit(1); // and was so before this file was loaded

const { store, end } = openStore(setting('STORE_URL'));
const module = ShopModule.on(store, {
  mchid: setting('MCHID'),
  appid: setting('APPID'),
  keyFolder: setting('KEY_FOLDER'),
  notifyUrl: setting('NOTIFY_URL'),
  baseUrl: setting('BASE_URL'),
});
const app = await NestFactory.create<NestExpressApplication>(module, {
  logger: ['error', 'fatal'],
  forceCloseConnections: true,
});
useWechatPayRawBody(app, { path: '/wechatpay/notify' });
await app.listen(0, '127.0.0.1');
isStarted = true;
app.get(Report).ready((app.getHttpServer().address() as AddressInfo).port);

async function stop(): Promise<void> {
  if (!isStarted) process.exit(1);
  setTimeout(() => process.exit(1), patienceMs).unref();
  await app.close();
  end();
  process.exit(0);
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new TypeError(`${name} is missing`);
  return value;
}
