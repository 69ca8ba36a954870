import { notificationChannel, traced, type NotificationEvent } from '../diagnostics/index.js';
import { WechatPayError, WechatPayRequestError, WechatPaySignatureError } from '../errors/index.js';
import { requestIdOf } from '../transport/index.js';
import { receiveNotification, type NotificationReceiver } from './receive.js';
import type { NotificationSource, ReceivedNotification } from './received-notification.js';

/** How notifications came through the guard; only those that somebody listened to. */
const events = new WeakMap<ReceivedNotification, NotificationEvent>();

/**
 * Verifies and opens a notification, and tells those who listen to the channel of notifications.
 *
 * @param left time that is left for it, in milliseconds
 * @throws as `receiveNotification`
 */
export function receiveTraced(
  receiver: NotificationReceiver,
  source: NotificationSource,
  left: () => number,
): Promise<ReceivedNotification> {
  const event: NotificationEvent = {
    merchant: receiver.name,
    mchid: receiver.mchid,
    id: undefined,
    eventType: undefined,
    requestId: requestIdOf(source.headers),
    outcome: undefined,
    reason: undefined,
  };
  return traced(notificationChannel, event, async () => {
    try {
      const notification = await receiveNotification(receiver, source, left);
      const { id, eventType } = notification;
      Object.assign(event, { id, eventType, outcome: 'accepted' });
      events.set(notification, event);
      return notification;
    } catch (error) {
      event.outcome = outcomeOf(error);
      event.reason = error instanceof WechatPayError ? error.code : 'UNKNOWN';
      throw error;
    }
  });
}

/** How a notification came through the guard, if somebody listened then. */
export function eventOf(notification: ReceivedNotification): NotificationEvent | undefined {
  return events.get(notification);
}

/** As the guard answers: 401, or 500 where the application is at fault. */
function outcomeOf(error: unknown): NotificationEvent['outcome'] {
  if (error instanceof WechatPaySignatureError) return error.isProbe ? 'probe' : 'refused';
  return error instanceof WechatPayRequestError ? 'refused' : 'failed';
}
