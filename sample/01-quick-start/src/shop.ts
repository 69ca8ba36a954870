import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { useWechatPayRawBody } from 'nestjs-wechatpay';
import { ShopModule } from './shop.module.js';

const pageFolder = fileURLToPath(new URL('../public', import.meta.url));
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The shop, ready to listen. Event streams end with it, and so does every connection. */
export async function createShop(
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(ShopModule, {
    logger: ['log', 'warn', 'error', 'fatal'],
    forceCloseConnections: true,
    ...options,
  });
  app.disable('x-powered-by');
  app.useStaticAssets(pageFolder, {
    setHeaders: (response: ServerResponse) => {
      response.setHeader('Content-Security-Policy', policy);
      response.setHeader('X-Content-Type-Options', 'nosniff');
    },
  });
  useWechatPayRawBody(app, { path: '/wechatpay/notify' });
  app.enableShutdownHooks();
  return app;
}
