import type { NotificationReceiver } from './receive.js';
import { TOKEN_PREFIX } from '../version.js';

/** Who notifications can be for; the registry of merchants is this. */
export interface NotificationReceivers {
  /** @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` */
  get(name: string | undefined): NotificationReceiver;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/** Token of {@link NotificationReceivers}. */
export const NOTIFICATION_RECEIVERS = `${TOKEN_PREFIX}:receivers`;
/** Metadata key of `@WechatPayNotify()` options. */
export const NOTIFY_OPTIONS = `${TOKEN_PREFIX}:notify-options`;

/**
 * Settings of a notification route.
 *
 * @publicApi
 */
export interface WechatPayNotifyOptions {
  /**
   * Name of the merchant that the route is for, or how to tell from the request (its path, not its
   * content: nothing is verified yet). @default the default merchant, or the only one
   */
  readonly merchant?: string | ((request: never) => string) | undefined;
}
