export type { RedisClient, RedisSubscriber } from './client.js';
export { fromRedis, type FromRedisOptions } from './from-redis.js';
export { RedisNotificationInbox, type RedisNotificationInboxOptions } from './redis-inbox.js';
export { RedisCertificateStore, type RedisCertificateStoreOptions } from './redis-store.js';
