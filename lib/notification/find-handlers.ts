import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { NotificationHandler } from './handler-table.js';
import { ON_NOTIFICATION, type HandlerMetadata } from './on-notification.decorator.js';

type Method = (...args: unknown[]) => unknown;
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Every handler of an application: methods with `@OnWechatPayNotification()` of providers and
 * controllers, inherited ones too.
 *
 * @returns what is wrong with some, one sentence each, beside those that are right
 */
export function findHandlers(
  discovery: DiscoveryService,
  scanner: MetadataScanner,
): { readonly handlers: readonly NotificationHandler[]; readonly problems: readonly string[] } {
  const handlers: NotificationHandler[] = [];
  const problems: string[] = [];
  const seen = new Set<object>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const prototype = prototypeOf(wrapper);
    if (!prototype) continue;
    for (const method of scanner.getAllMethodNames(prototype)) {
      const handler = (prototype as Record<string, unknown>)[method] as Method;
      const declared = Reflect.getMetadata(ON_NOTIFICATION, handler) as
        readonly HandlerMetadata[] | undefined;
      if (!declared) continue;
      const place = `${prototype.constructor.name}.${method}`;
      if (wrapper.isTransient || !wrapper.isDependencyTreeStatic()) {
        problems.push(
          `${place} cannot handle notifications: its class is request-scoped or transient; make it a singleton`,
        );
        continue;
      }
      const instance = wrapper.instance as object;
      if (seen.has(instance)) continue; // an alias
      for (const { kind, name, merchant } of declared) {
        handlers.push({
          name: name ?? place,
          kind,
          merchants: merchant === undefined ? undefined : [merchant].flat(),
          run: (notification) => Reflect.apply(handler, instance, [notification]),
        });
      }
    }
    seen.add(wrapper.instance as object);
  }
  return { handlers, problems };
}

/** A request-scoped class has an instance too, which was never constructed. */
function prototypeOf({ instance }: Wrapper): object | undefined {
  const isObject = typeof instance === 'object' && instance !== null;
  return isObject ? (Object.getPrototypeOf(instance) as object | undefined) : undefined;
}
