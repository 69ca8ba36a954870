import { RequestMethod, type Type } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import {
  NOTIFY_OPTIONS,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';

/** Metadata of Nest: the path and the method of a route, and the status that it answers with. */
const [PATH, METHOD, HTTP_CODE] = ['path', 'method', '__httpCode__'];
/** What the platform takes for success. */
const SUCCESS: ReadonlySet<number> = new Set([200, 204]);

/** A method that receives notifications. */
export interface NotifyRoute {
  readonly type: string;
  readonly method: string;
  /** As the guard finds them: those of the method before those of the class. */
  readonly options: WechatPayNotifyOptions;
  /** What it answers when it succeeds. */
  readonly status: number;
}

/** Every route with `@WechatPayNotify()`, inherited ones too. */
export function notifyRoutes(
  discovery: DiscoveryService,
  scanner: MetadataScanner,
  reflector: Reflector,
): readonly NotifyRoute[] {
  return discovery.getControllers().flatMap(({ metatype }) => {
    const type = metatype as Type;
    const prototype = type.prototype as Record<string, object>;
    return scanner.getAllMethodNames(prototype).flatMap((method) => {
      const handler = prototype[method] as never;
      if (!Reflect.hasMetadata(PATH, handler)) return [];
      const options = reflector.getAllAndOverride<WechatPayNotifyOptions | undefined>(
        NOTIFY_OPTIONS,
        [handler, type],
      );
      if (!options) return [];
      const isPost = Reflect.getMetadata(METHOD, handler) === RequestMethod.POST;
      const code = Reflect.getMetadata(HTTP_CODE, handler) as number | undefined;
      return [{ type: type.name, method, options, status: code ?? (isPost ? 201 : 200) }];
    });
  });
}

/**
 * What is wrong with routes, one sentence each: none of their notifications would ever be accepted.
 * Where merchants are resolved at run time, one that names nobody is worth a warning only.
 */
export function wrongRoutes(
  routes: readonly NotifyRoute[],
  receivers: Pick<NotificationReceivers, 'ambiguity'>,
): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const ambiguity = receivers.ambiguity();
  const unnamed = routes.filter(({ options }) => ambiguity && options.merchant === undefined);
  const sentences = unnamed.map(
    ({ type, method }) =>
      `@WechatPayNotify() of ${type}.${method} names no merchant. ${ambiguity?.sentence}`,
  );
  const refused = routes.filter(({ status }) => !SUCCESS.has(status));
  const problems = refused.map(
    ({ type, method, status }) =>
      `${type}.${method} answers ${status} to a notification, which the platform sends again for a day: take out @HttpCode, or decorate ${type} itself with @WechatPayNotify()`,
  );
  return ambiguity?.isFinal === true
    ? { problems: [...sentences, ...problems], warnings: [] }
    : { problems, warnings: sentences };
}
