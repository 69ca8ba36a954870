import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { WechatPayConfigurationError } from '../errors/index.js';
import { getNotification } from './notify-request.js';

/**
 * The verified, decrypted notification, as a parameter of a method under `@WechatPayNotify()`:
 * `handle(@WechatPayNotification() notification: WechatPayNotification)`.
 *
 * @throws {WechatPayConfigurationError} when the route has no `@WechatPayNotify()`
 * @publicApi
 */
export const WechatPayNotification = createParamDecorator(
  (_: unknown, context: ExecutionContext): unknown => {
    const notification = getNotification(context.switchToHttp().getRequest<object>());
    if (notification) return notification;
    throw new WechatPayConfigurationError([
      '@WechatPayNotification() needs @WechatPayNotify() on its method or controller',
    ]);
  },
) as () => ParameterDecorator;
