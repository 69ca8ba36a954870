import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { wechatPayConfig, WechatPayModule } from 'nestjs-wechatpay';
import { HealthController } from './health.controller.js';
import { NotifyController } from './notify.controller.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { ProductsController } from './products.controller.js';
import { WechatPayFilter } from './wechat-pay.filter.js';

/** Reads everything from the environment: WECHATPAY_* for the module, EMULATOR_URL for the page. */
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, load: [wechatPayConfig] }),
    WechatPayModule.forRootAsync(wechatPayConfig.asProvider()),
    TerminusModule,
  ],
  controllers: [ProductsController, OrdersController, NotifyController, HealthController],
  providers: [OrdersService, { provide: APP_FILTER, useClass: WechatPayFilter }],
})
export class ShopModule {}
