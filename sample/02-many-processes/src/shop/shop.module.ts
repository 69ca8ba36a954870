import { join } from 'node:path';
import { Module, type DynamicModule } from '@nestjs/common';
import { credentialFrom, fromFile, WechatPayModule, type CertificateStore } from 'nestjs-wechatpay';
import { NotifyController } from './notify.controller.js';
import { OrdersController } from './orders.controller.js';
import { Report } from './report.js';

/** Where a shop finds what differs between machines. */
export interface ShopSettings {
  readonly mchid: string;
  readonly appid: string;
  /** Holds `apiclient_key.pem`, `apiclient_cert.pem` and `apiv3.key`; all three are watched. */
  readonly keyFolder: string;
  /** One address for the whole fleet: any shop may get any notification. */
  readonly notifyUrl: string;
  readonly baseUrl: string;
}

/** One of many equal shops. The store is the only thing that they share. */
@Module({})
export class ShopModule {
  static on(store: CertificateStore, settings: ShopSettings): DynamicModule {
    const { keyFolder, ...rest } = settings;
    return {
      module: ShopModule,
      imports: [
        WechatPayModule.forRoot({
          ...rest,
          credential: credentialFrom({
            privateKey: fromFile(join(keyFolder, 'apiclient_key.pem')),
            certificate: fromFile(join(keyFolder, 'apiclient_cert.pem')),
            apiV3Key: fromFile(join(keyFolder, 'apiv3.key')),
          }),
          store,
          preload: true,
        }),
      ],
      controllers: [OrdersController, NotifyController],
      providers: [Report],
    };
  }
}
