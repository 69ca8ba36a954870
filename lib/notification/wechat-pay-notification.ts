import type {
  WechatPayNotification as NotificationType,
  WechatPayEventType,
} from './notification.types.js';
import { WechatPayNotification as decorator } from './wechat-pay-notification.decorator.js';

/** The parameter decorator and the type of what it delivers share one name. @publicApi */
export const WechatPayNotification = decorator;
/** A verified, decrypted notification; checking `eventType` narrows `payload`. @publicApi */
export type WechatPayNotification<Kind extends string = WechatPayEventType> =
  NotificationType<Kind>;
