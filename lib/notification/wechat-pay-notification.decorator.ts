import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { WechatPayConfigurationError } from '../errors/index.js';
import { getNotification } from './notify-request.js';

const fromRequest = createParamDecorator((_: unknown, context: ExecutionContext): unknown => {
  const notification = getNotification(context.switchToHttp().getRequest<object>());
  if (notification) return notification;
  throw new WechatPayConfigurationError([
    '@WechatPayNotification() needs @WechatPayNotify() on its method or controller',
  ]);
}) as () => ParameterDecorator;

/**
 * The verified, decrypted notification, as a parameter of a method under `@WechatPayNotify()`:
 * `handle(@WechatPayNotification() notification: WechatPayNotification)`.
 *
 * @throws {WechatPayConfigurationError} when the route has no `@WechatPayNotify()`
 * @publicApi
 */
export const WechatPayNotification = (): ParameterDecorator => (target, key, index) => {
  fromRequest()(target, key, index);
  // SWC takes the type of our name for a class, which a pipe that validates would make one of.
  const types = Reflect.getMetadata('design:paramtypes', target, key as string) as unknown;
  if (Array.isArray(types)) types[index] = Object;
};
