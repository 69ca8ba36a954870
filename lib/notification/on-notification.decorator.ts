import { SetMetadata } from '@nestjs/common';
import type { WechatPayEventKind, WechatPayNotification } from './notification.types.js';
import { TOKEN_PREFIX } from '../version.js';

/** Metadata key of `@OnWechatPayNotification()`. */
export const ON_NOTIFICATION = `${TOKEN_PREFIX}:on-notification`;

/**
 * Settings of a handler.
 *
 * @publicApi
 */
export interface OnWechatPayNotificationOptions {
  /** Names of the registrations whose notifications it handles. @default all */
  readonly merchant?: string | readonly string[] | undefined;
  /**
   * Under which it is remembered that this handler has run. Keep it when class or method is renamed:
   * events under way would run again. @default 'ClassName.methodName'
   */
  readonly name?: string | undefined;
}

/** What the decorator leaves on a method. */
export interface HandlerMetadata extends OnWechatPayNotificationOptions {
  readonly kind: string;
}

type HandlerOf<Kind extends string> = (notification: WechatPayNotification<Kind>) => unknown;

/** Decorates methods that take the notification of this kind. */
export type NotificationHandlerDecorator<Kind extends string> = <Handler extends HandlerOf<Kind>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Handler>,
) => void;

/**
 * Makes a method of any provider a handler of genuine notifications. It is called with the
 * notification, once for each event as long as it succeeds; when it throws, the platform delivers
 * again, and only what failed runs again. Several handlers of one event run side by side.
 *
 * ```ts
 * @OnWechatPayNotification('TRANSACTION.SUCCESS')
 * async credit(notification: WechatPayNotification<'TRANSACTION.SUCCESS'>) { … }
 * ```
 *
 * @param kinds one or several event types; `TYPE/original_type` for the payload that shares its event
 * type with another one, such as `TRANSACTION.SUCCESS/profitsharing`; `*` for whatever no other handler
 * takes
 * @publicApi
 */
export function OnWechatPayNotification<const Kind extends WechatPayEventKind | (string & {})>(
  kinds: Kind | readonly Kind[],
  options: OnWechatPayNotificationOptions = {},
): NotificationHandlerDecorator<Kind extends '*' ? string : Kind> {
  const declared = [kinds].flat().map((kind): HandlerMetadata => ({ ...options, kind }));
  return (target, key, descriptor) => {
    const earlier = (Reflect.getMetadata(ON_NOTIFICATION, descriptor.value as object) ??
      []) as readonly HandlerMetadata[];
    SetMetadata(ON_NOTIFICATION, [...earlier, ...declared])(target, key, descriptor);
  };
}
