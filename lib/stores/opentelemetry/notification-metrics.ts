import type { Counter, Meter } from '@opentelemetry/api';
import { handlerChannel, listen, notificationChannel } from '../../diagnostics/index.js';
import { known, WECHATPAY } from './attributes.js';
import type { BoundedLabels } from './bounded-labels.js';

/**
 * Counts notifications by their outcome, and what became of them in their handlers.
 *
 * @param failures counts those that do not verify
 * @returns how to stop
 */
export function measureNotifications(
  meter: Meter,
  merchants: BoundedLabels,
  failures: Counter,
): () => void {
  const notifications = meter.createCounter('wechatpay.notifications', {
    description: 'Notifications that came in, by what the guard made of them',
    unit: '{notification}',
  });
  const handlers = meter.createCounter('wechatpay.notification.handlers', {
    description: 'Notifications in the hands of handlers and of the queue, by outcome',
    unit: '{run}',
  });
  const stopNotifications = listen(notificationChannel, {
    begin: () => undefined,
    end: ({ merchant, outcome, reason }) => {
      const own = { [WECHATPAY.merchant]: merchants.of(merchant) };
      notifications.add(
        1,
        known({ ...own, [WECHATPAY.outcome]: outcome, [WECHATPAY.reason]: reason }),
      );
      if (!reason?.startsWith('SIGNATURE_')) return;
      failures.add(1, {
        ...own,
        [WECHATPAY.from]: 'notification',
        [WECHATPAY.reason]: outcome === 'probe' ? 'PROBE' : reason,
      });
    },
  });
  const stopHandlers = listen(handlerChannel, {
    begin: () => undefined,
    end: ({ merchant, outcome }) =>
      handlers.add(
        1,
        known({
          [WECHATPAY.merchant]: merchants.of(merchant),
          [WECHATPAY.outcome]: outcome,
        }),
      ),
  });
  return () => {
    stopNotifications();
    stopHandlers();
  };
}
