export { MemoryNotificationInbox, type MemoryNotificationInboxOptions } from './memory-inbox.js';
export type { InboxClaim, NotificationInbox } from './inbox.js';
export {
  dispatchSettings,
  notifyControllers,
  type WechatPayNotificationExtras,
} from './notify-controller.js';
export {
  OnWechatPayNotification,
  type OnWechatPayNotificationOptions,
} from './on-notification.decorator.js';
export {
  assertMatchesOrder,
  assertMatchesRefund,
  type ExpectedOrder,
  type ExpectedRefund,
} from './assert-matches.js';
export { NotificationTally, type NotificationCounts } from './notification-tally.js';
export type { NotificationQueue, QueuedNotification } from './queue.js';
export type { SqlTransaction } from './transactional-claim.js';
export { WechatPayNotifications } from './wechat-pay-notifications.service.js';
export type {
  ProfitSharingPayload,
  RefundPayload,
  TransactionPayload,
  WechatPayEventKind,
  WechatPayEventType,
  WechatPayNotificationPayloads,
} from './notification.types.js';
export { useWechatPayRawBody, type WechatPayRawBodyOptions } from './raw-body.js';
export {
  NOTIFICATION_RECEIVERS,
  type DispatchSettings,
  type NotificationReceivers,
  type WechatPayNotifyOptions,
} from './receivers.js';
export { WechatPayNotify } from './wechat-pay-notify.decorator.js';
export { WechatPayNotifyGuard } from './wechat-pay-notify.guard.js';
export { WechatPayNotification } from './wechat-pay-notification.js';
