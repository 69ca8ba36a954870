/** Our client, built and wired as an application has it. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { productUrl, wechatPayOptions } from '../support/product.mjs';

export async function create({ baseUrl, merchant, platform }) {
  const { WechatPayModule, WechatPayClient } = await import(productUrl);
  class AppModule {}
  Module({
    imports: [WechatPayModule.forRoot(wechatPayOptions({ baseUrl, merchant, platform }))],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: ['fatal', 'error', 'warn'],
  });
  const client = app.get(WechatPayClient, { strict: false });
  return {
    prepay: async (order) => (await client.payments.native.prepay(order)).code_url,
  };
}
