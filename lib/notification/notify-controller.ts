import { Controller, Inject, Post, Req, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { WechatPayConfigurationError } from '../errors/index.js';
import { getNotification } from './notify-request.js';
import type { ReceivedNotification } from './received-notification.js';
import type { DispatchSettings } from './receivers.js';
import { WechatPayNotifications } from './wechat-pay-notifications.service.js';
import { WechatPayNotify } from './wechat-pay-notify.decorator.js';

/**
 * A ready notification route, and how its handlers are run. Known before any factory runs, because
 * controllers are.
 *
 * @publicApi
 */
export interface WechatPayNotificationExtras extends DispatchSettings {
  /**
   * Path of the route, such as `/wechatpay/notify`; the application's global prefix comes before it. With
   * `:mchid` or `:merchant` in it, one route serves many merchants, by their mchid or registered name.
   * @default no route: decorate a controller of your own
   */
  readonly path?: string | undefined;
  /** More decorators for the route, such as `SkipThrottle()` or your own `Public()`. @default [] */
  readonly decorators?: readonly (ClassDecorator & MethodDecorator)[] | undefined;
}

const PATH = /^\/?(?:[\w.~-]+|:(?:mchid|merchant))(?:\/(?:[\w.~-]+|:(?:mchid|merchant)))*$/;
const PARAMETER = /:(?:mchid|merchant)/g;
const NAMES = new Set(['path', 'decorators', 'ackTimeoutMs', 'unhandled']);

/**
 * The route that was asked for, if any.
 *
 * @param merchant name of the registration; `undefined` where only the path can tell
 * @throws {WechatPayConfigurationError} for a path that is none
 */
export function notifyControllers(
  { path, decorators = [] }: WechatPayNotificationExtras,
  merchant: string | undefined,
): Type[] {
  if (path === undefined) return [];
  const parameters = path.match(PARAMETER) ?? [];
  const [parameter] = parameters;
  if (!PATH.test(path) || parameters.length > 1) {
    throw new WechatPayConfigurationError([
      'notification.path must be a path such as /wechatpay/notify, or /wechatpay/notify/:mchid for many merchants',
    ]);
  }
  if (parameter === undefined && merchant === undefined) {
    throw new WechatPayConfigurationError([
      'notification.path of many merchants must tell them apart: /wechatpay/notify/:mchid',
    ]);
  }
  const options = parameter === undefined ? { merchant } : { merchant: byPath(parameter.slice(1)) };

  @Controller({ path, version: VERSION_NEUTRAL })
  @WechatPayNotify(options)
  class WechatPayNotifyController {
    constructor(
      @Inject(WechatPayNotifications) private readonly notifications: WechatPayNotifications,
    ) {}

    // `@WechatPayNotification()` would send the request through the pipes of an application's parameter
    @Post()
    receive(@Req() request: object): Promise<void> {
      return this.notifications.dispatch(getNotification(request) as ReceivedNotification);
    }
  }
  for (const decorate of decorators) decorate(WechatPayNotifyController);
  return [WechatPayNotifyController];
}

/** The part of the path that names a merchant. */
function byPath(parameter: string) {
  return (request: { readonly params: Readonly<Record<string, unknown>> }): string =>
    String(request.params[parameter]);
}

/**
 * How handlers are run.
 *
 * @throws {WechatPayConfigurationError} with every problem
 */
export function dispatchSettings(extras: WechatPayNotificationExtras): DispatchSettings {
  const { ackTimeoutMs, unhandled } = extras;
  const problems: string[] = [];
  if (ackTimeoutMs !== undefined && !(ackTimeoutMs >= 100 && ackTimeoutMs <= 4_900)) {
    problems.push('notification.ackTimeoutMs must be a number from 100 to 4900');
  }
  if (unhandled !== undefined && unhandled !== 'accept' && unhandled !== 'refuse') {
    problems.push("notification.unhandled must be 'accept' or 'refuse'");
  }
  for (const name of Object.keys(extras)) {
    if (!NAMES.has(name)) problems.push(`notification.${name} is not an option`);
  }
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return { ackTimeoutMs, unhandled };
}
