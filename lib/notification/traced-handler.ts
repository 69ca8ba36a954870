import { handlerChannel, isHeard, traced, type HandlerEvent } from '../diagnostics/index.js';
import type { ReceivedNotification } from './received-notification.js';
import { eventOf } from './traced-receive.js';

/**
 * Runs a handler of a notification, or puts it into the queue, and tells those who listen what came of it.
 *
 * @param handler its name; `undefined` for the queue
 * @param judge what a result counts as; what rejects has failed
 */
export function handleTraced<T>(
  notification: ReceivedNotification,
  handler: string | undefined,
  work: () => Promise<T>,
  judge: (result: T) => Pick<HandlerEvent, 'outcome' | 'error'>,
): Promise<T> {
  if (!isHeard(handlerChannel)) return work();
  const { merchant, mchid, id, eventType } = notification;
  const event: HandlerEvent = {
    notification: eventOf(notification),
    merchant,
    mchid,
    id,
    eventType,
    handler,
    outcome: undefined,
  };
  return traced(handlerChannel, event, async () => {
    try {
      const result = await work();
      Object.assign(event, judge(result));
      return result;
    } catch (error) {
      event.outcome = 'failed';
      throw error;
    }
  });
}
