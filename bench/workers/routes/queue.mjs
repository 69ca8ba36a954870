/** Queue mode: 204 when Redis has the notification; this process handles it from there as well. */
import { Redis } from 'ioredis';
import { importStore } from '../../support/product.mjs';
import { readyRoute } from '../ready-route.mjs';

export async function makeRoute({ merchant, platform, onPaid, backend }) {
  const { BullNotificationQueue } = await importStore('bullmq');
  const { RedisNotificationInbox } = await importStore('redis');
  const credited = new Set();
  let doubled = 0;
  const route = await readyRoute({
    merchant,
    platform,
    paid({ payload }) {
      if (credited.has(payload.out_trade_no)) doubled++;
      credited.add(payload.out_trade_no);
      onPaid(payload);
    },
    more: {
      queue: new BullNotificationQueue({ connection: backend.url }),
      inbox: new RedisNotificationInbox(new Redis(backend.url)),
    },
  });
  return { ...route, isQueued: true, audit: () => ({ credited: credited.size, doubled }) };
}
