export type {
  RefundPayload,
  TransactionPayload,
  WechatPayEventType,
  WechatPayNotificationPayloads,
} from './notification.types.js';
export { useWechatPayRawBody, type WechatPayRawBodyOptions } from './raw-body.js';
export {
  NOTIFICATION_RECEIVERS,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';
export { WechatPayNotify } from './wechat-pay-notify.decorator.js';
export { WechatPayNotifyGuard } from './wechat-pay-notify.guard.js';
export { WechatPayNotification } from './wechat-pay-notification.js';
