import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { WechatPayMerchants, type WechatPayMerchantsOptions } from './context/index.js';
import {
  dispatchSettings,
  notifyControllers,
  type WechatPayNotificationExtras,
} from './notification/index.js';
import { WechatPayCore, WechatPayCoreModule } from './wechat-pay-core.module.js';

const CONFIGURED = Symbol('nestjs-wechatpay:merchants-configured');
const SETTLED = Symbol('nestjs-wechatpay:dispatch-settled');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<WechatPayMerchantsOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createWechatPayMerchantsOptions')
    .setExtras<WechatPayMerchantsModuleExtras>({ notification: {} }, withRoute)
    .build();

/**
 * What the shape of the module depends on; it is known before any factory runs.
 *
 * @publicApi
 */
export interface WechatPayMerchantsModuleExtras {
  /**
   * A ready notification route for all merchants, `/wechatpay/notify/:mchid`, and how handlers of those
   * added at run time are run. @default {}
   */
  readonly notification?: WechatPayNotificationExtras;
}

function withRoute(
  definition: DynamicModule,
  { notification = {} }: WechatPayMerchantsModuleExtras,
): DynamicModule {
  const { controllers = [], providers = [] } = definition;
  return {
    ...definition,
    controllers: [...controllers, ...notifyControllers(notification, undefined)],
    providers: [
      ...providers,
      {
        provide: SETTLED,
        useFactory: (core: WechatPayCore) => {
          core.runtimeSettings = dispatchSettings(notification);
        },
        inject: [WechatPayCore],
      },
    ],
  };
}

/**
 * For applications whose merchants come and go at run time: `forRoot({ resolve, maxLoaded })` or
 * `forRootAsync(…)`. Inject `WechatPayMerchants` to add, get and remove them. Once in an application;
 * needed only for `resolve` or another `maxLoaded`.
 *
 * @throws {WechatPayConfigurationError} for wrong options
 * @publicApi
 */
@Module({
  imports: [WechatPayCoreModule],
  providers: [
    {
      provide: CONFIGURED,
      useFactory: (merchants: WechatPayMerchants, options: WechatPayMerchantsOptions) =>
        merchants.configure(options),
      inject: [WechatPayMerchants, MODULE_OPTIONS_TOKEN],
    },
  ],
})
export class WechatPayMerchantsModule extends ConfigurableModuleClass {}
