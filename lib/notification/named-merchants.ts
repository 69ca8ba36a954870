import type { Type } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { NotificationHandler } from './handler-table.js';
import {
  NOTIFY_OPTIONS,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';

/** A merchant that a decorator names, and which one does. */
interface NamedMerchant {
  readonly merchant: string;
  readonly place: string;
}

/** Merchants that notification routes name by a text; what a function says is known with the request. */
export function namedByRoutes(
  discovery: DiscoveryService,
  scanner: MetadataScanner,
  reflector: Reflector,
): readonly NamedMerchant[] {
  return discovery.getControllers().flatMap(({ metatype }) => {
    const type = metatype as Type;
    const prototype = type.prototype as Record<string, object>;
    const methods = scanner.getAllMethodNames(prototype);
    const targets = [type, ...methods.map((method) => prototype[method] as never)];
    return targets.flatMap((target) => {
      const options = reflector.get<WechatPayNotifyOptions | undefined>(NOTIFY_OPTIONS, target);
      const merchant = options?.merchant;
      const place = `@WechatPayNotify() of ${type.name}`;
      return typeof merchant === 'string' ? [{ merchant, place }] : [];
    });
  });
}

/** Merchants that handlers name. */
export function namedByHandlers(
  handlers: readonly NotificationHandler[],
): readonly NamedMerchant[] {
  return handlers.flatMap(({ name, merchants = [] }) =>
    merchants.map((merchant) => ({ merchant, place: `@OnWechatPayNotification() of ${name}` })),
  );
}

/**
 * What is wrong with the names, one sentence each: a merchant that can never come ends the start, and
 * one that comes only if somebody adds it is worth a warning.
 */
export function wrongNames(
  named: readonly NamedMerchant[],
  receivers: Pick<NotificationReceivers, 'find' | 'mayCome'>,
): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { merchant, place } of named) {
    const isThere = receivers.find(merchant) !== undefined;
    const way = isThere ? 'resolved' : receivers.mayCome(merchant);
    const sentence = `${place} names the merchant "${merchant}", which is not registered`;
    if (way === undefined) problems.push(sentence);
    if (way === 'added') {
      warnings.push(
        `${sentence}, and there is no WechatPayMerchantsModule.forRoot({ resolve }) that finds it: it has to be added with WechatPayMerchants.add()`,
      );
    }
  }
  return { problems, warnings };
}
