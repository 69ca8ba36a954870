import { ConfigurableModuleBuilder, type DynamicModule, type Provider } from '@nestjs/common';
import { CertificateProvider } from './certificates/index.js';
import { WechatPayClient } from './client/index.js';
import { DEFAULT_MERCHANT, type MerchantContext } from './context/index.js';
import { WechatPayHttpService } from './http/index.js';
import { MerchantCredentialProvider } from './merchant/index.js';
import {
  dispatchSettings,
  notifyControllers,
  type WechatPayNotificationExtras,
} from './notification/index.js';
import { WechatPayCore, WechatPayCoreModule } from './wechat-pay-core.module.js';
import {
  getCertificateProviderToken,
  getMerchantCredentialProviderToken,
  getWechatPayClientToken,
  getWechatPayContextToken,
  getWechatPayHttpToken,
} from './wechat-pay.constants.js';
import type { WechatPayOptions } from './wechat-pay.options.js';

/**
 * What the shape of the module depends on; it is known before any factory runs.
 *
 * @publicApi
 */
export interface WechatPayModuleExtras {
  /** Make this merchant's providers visible everywhere. @default false */
  readonly isGlobal?: boolean;
  /** Name of the merchant in this application. @default 'default' */
  readonly name?: string;
  /** More providers for the factory's `inject`. @default [] */
  readonly extraProviders?: readonly Provider[];
  /** A ready notification route, and how handlers are run. @default {} */
  readonly notification?: WechatPayNotificationExtras;
}

/** How each part of a merchant is found in its context. */
const PARTS = [
  [WechatPayClient, getWechatPayClientToken, (context: MerchantContext) => context.client],
  [WechatPayHttpService, getWechatPayHttpToken, (context: MerchantContext) => context.http],
  [
    CertificateProvider,
    getCertificateProviderToken,
    (context: MerchantContext) => context.certificates,
  ],
  [
    MerchantCredentialProvider,
    getMerchantCredentialProviderToken,
    (context: MerchantContext) => context.credentials,
  ],
] as const;

/** Every extra with its default: one that were not named here would count as an option. */
const EXTRAS: Required<WechatPayModuleExtras> = {
  isGlobal: false,
  name: DEFAULT_MERCHANT,
  extraProviders: [],
  notification: {},
};

const builder = new ConfigurableModuleBuilder<WechatPayOptions>()
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createWechatPayOptions')
  .setExtras<WechatPayModuleExtras>(EXTRAS, withMerchant)
  .build();

/** Base class of the module, with `forRoot` and `forRootAsync`. */
export const ConfigurableWechatPayModule = builder.ConfigurableModuleClass;
const OPTIONS = builder.MODULE_OPTIONS_TOKEN;

/** One registration is one merchant: its context, and tokens for the context's parts. */
function withMerchant(definition: DynamicModule, extras: WechatPayModuleExtras): DynamicModule {
  const { name, isGlobal, extraProviders, notification } = { ...EXTRAS, ...extras };
  const { imports = [], controllers = [], providers = [], exports = [] } = definition;
  const contextToken = getWechatPayContextToken(name);
  const parts = PARTS.flatMap(([type, tokenOf, partOf]): Provider[] => {
    const named = { provide: tokenOf(name), useFactory: partOf, inject: [contextToken] };
    // Only the default registration exports the classes, so that injecting by class is unambiguous.
    return name === DEFAULT_MERCHANT
      ? [named, { provide: type, useExisting: tokenOf(name) }]
      : [named];
  });
  return {
    ...definition,
    global: isGlobal,
    imports: [...imports, WechatPayCoreModule],
    controllers: [...controllers, ...notifyControllers(notification, name)],
    providers: [
      ...providers,
      ...extraProviders,
      {
        provide: contextToken,
        useFactory: (core: WechatPayCore, options: WechatPayOptions) => {
          core.dispatchSettings.set(name, dispatchSettings(notification));
          return core.open(name, options);
        },
        inject: [WechatPayCore, OPTIONS],
      },
      ...parts,
    ],
    exports: [...exports, ...parts.map((part) => (part as { provide: string }).provide)],
  };
}
