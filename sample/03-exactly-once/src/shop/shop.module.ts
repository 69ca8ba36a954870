import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { wechatPayConfig, WechatPayModule } from 'nestjs-wechatpay';
import { Database } from './database.js';
import { OrdersController } from './orders.controller.js';
import { PaymentHandlers } from './payment.handlers.js';

/** Reads everything from the environment: `WECHATPAY_*` for the module, `DATABASE_URL` for the pool. */
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true, load: [wechatPayConfig] }),
    WechatPayModule.forRootAsync({
      ...wechatPayConfig.asProvider(),
      notification: { path: '/wechatpay/notify' },
    }),
  ],
  controllers: [OrdersController],
  providers: [Database, PaymentHandlers],
})
export class ShopModule {}
