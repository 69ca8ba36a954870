import { applyDecorators, HttpCode, SetMetadata, UseFilters, UseGuards } from '@nestjs/common';
import { NOTIFY_OPTIONS, type WechatPayNotifyOptions } from './receivers.js';
import { WechatPayNotifyFilter } from './wechat-pay-notify.filter.js';
import { WechatPayNotifyGuard } from './wechat-pay-notify.guard.js';

const HTTP_CODE = '__httpCode__';

/**
 * Makes a controller or a method a receiver of the platform's notifications: only genuine ones reach
 * the handler, success is answered 204, and failures with `{ code: 'FAIL', message }`.
 *
 * The raw body must be kept: `rawBody: true`, or `useWechatPayRawBody`. Read the notification with
 * `@WechatPayNotification()`. A handler that throws makes the platform come back.
 *
 * @publicApi
 */
export function WechatPayNotify(
  options: WechatPayNotifyOptions = {},
): ClassDecorator & MethodDecorator {
  const common = applyDecorators(
    SetMetadata(NOTIFY_OPTIONS, options),
    UseGuards(WechatPayNotifyGuard),
    UseFilters(WechatPayNotifyFilter),
  );
  return ((target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (key !== undefined && descriptor) {
      common(target, key, descriptor);
      answerNoContent(target, key, descriptor);
      SetMetadata('swagger/apiExcludeEndpoint', { disable: true })(target, key, descriptor);
      return;
    }
    const type = target as { prototype: object } & (new (...args: never[]) => unknown);
    common(type);
    SetMetadata('swagger/apiExcludeController', [true])(type);
    for (const [name, method] of methodsOf(type.prototype)) {
      answerNoContent(type.prototype, name, ownMethod(type.prototype, name, method));
    }
  }) as ClassDecorator & MethodDecorator;
}

/** Methods of a controller by name, inherited ones too. */
function methodsOf(prototype: object): Map<string, PropertyDescriptor> {
  const methods = new Map<string, PropertyDescriptor>();
  for (
    let level: object | null = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const [name, method] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (name !== 'constructor' && !methods.has(name)) methods.set(name, method);
    }
  }
  return methods;
}

/** An inherited method is copied with its metadata: other controllers may inherit it as well. */
function ownMethod(
  prototype: object,
  name: string,
  method: PropertyDescriptor,
): PropertyDescriptor {
  const inherited: unknown = method.value;
  if (Object.hasOwn(prototype, name) || typeof inherited !== 'function') return method;
  const value = function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply(inherited, this, args);
  };
  for (const key of Reflect.getMetadataKeys(inherited) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, inherited), value);
  }
  const own = { ...method, value };
  Object.defineProperty(prototype, name, own);
  return own;
}

/** Nest answers 201 to a POST, which the platform does not take for success. */
function answerNoContent(target: object, key: string | symbol, method: PropertyDescriptor): void {
  const value: unknown = method.value;
  if (typeof value === 'function' && !Reflect.hasMetadata(HTTP_CODE, value)) {
    HttpCode(204)(target, key, method);
  }
}
