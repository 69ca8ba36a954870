import type { NotificationReceiver } from './receive.js';

/** Who notifications can be for; the registry of merchants is this. */
export interface NotificationReceivers {
  /** @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` */
  get(name: string | undefined): NotificationReceiver;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/** Token of {@link NotificationReceivers}. */
export const NOTIFICATION_RECEIVERS = 'wechat-pay/0:receivers';
/** Metadata key of `@WechatPayNotify()` options. */
export const NOTIFY_OPTIONS = 'wechat-pay/0:notify-options';
