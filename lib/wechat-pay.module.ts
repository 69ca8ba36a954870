import { Inject, Module } from '@nestjs/common';
import { ConfigurableWechatPayModule } from './wechat-pay.module-definition.js';
import { getWechatPayClientToken, getWechatPayHttpToken } from './wechat-pay.constants.js';

/**
 * Registers one merchant: a signing HTTP service, a typed client, platform keys that renew
 * themselves, and the notification guard and health indicator for the whole application.
 *
 * `forRoot(options)`, or `forRootAsync({ useFactory | useClass | useExisting, inject, imports })`;
 * both take `isGlobal`, `name` and `extraProviders` beside them. Register several merchants under
 * several names.
 *
 * @throws {WechatPayConfigurationError} when the application starts, with every problem at once
 * @publicApi
 */
@Module({})
export class WechatPayModule extends ConfigurableWechatPayModule {}

/** Injects the `WechatPayClient` of a merchant by its registered name. @publicApi */
export const InjectWechatPayClient = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getWechatPayClientToken(name));

/** Injects the `WechatPayHttpService` of a merchant by its registered name. @publicApi */
export const InjectWechatPayHttp = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getWechatPayHttpToken(name));
