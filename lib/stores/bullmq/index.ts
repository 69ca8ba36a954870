export { BullNotificationQueue } from './bull-queue.js';
export type { BullNotificationQueueOptions, BullQueueConnection } from './settings.js';
