import { Redis, type Cluster, type RedisOptions } from 'ioredis';
import type { BullQueueConnection } from './settings.js';

/** A connection that is ours to end. */
export type OwnClient = Redis | Cluster;

/** A queue has to recover by itself, whatever the application's own client does. */
const retryStrategy = (times: number): number => Math.min(times * 50, 1_000);
/** A connection that Redis does not close in this time is torn down. */
const DISCONNECT_MS = 500;

/** What accepting needs: a command that cannot be sent now fails now, and is never sent later. */
export const FAILING_FAST: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};
/** What BullMQ demands of a worker: it waits until Redis is back. */
export const PATIENT: RedisOptions = {
  enableOfflineQueue: true,
  autoResendUnfulfilledCommands: true,
  maxRetriesPerRequest: null,
};

/** Opens a connection with the application's settings and these ones; it reconnects by itself. */
export function connect(connection: BullQueueConnection, more: RedisOptions): OwnClient {
  const options: RedisOptions = {
    ...more,
    retryStrategy,
    keyPrefix: '',
    lazyConnect: false,
    disconnectTimeout: DISCONNECT_MS,
  };
  // A command that blocks, or waits for Redis to come back, must not be cut off.
  delete options.commandTimeout;
  const client = open(connection, options);
  client.on('error', () => undefined); // who uses it finds out; without a listener it would be printed
  return client;
}

function open(connection: BullQueueConnection, options: RedisOptions): OwnClient {
  if (typeof connection === 'string') return new Redis(connection, options);
  if (!isClient(connection)) return new Redis({ ...connection, ...options });
  if (!isCluster(connection)) return connection.duplicate(options);
  return connection.duplicate([], {
    enableOfflineQueue: options.enableOfflineQueue ?? true,
    clusterRetryStrategy: retryStrategy,
    lazyConnect: false,
    redisOptions: options,
  });
}

/**
 * Ends a connection, and keeps whoever still holds it from opening it again. Nobody waits for its end:
 * BullMQ 5 would throw where nobody listens any more.
 */
export function endForGood(client: OwnClient): void {
  Object.assign(client, { connect: () => Promise.reject(new Error('Connection is closed.')) });
  client.removeAllListeners('end');
  client.disconnect();
}

/** Every server that keeps keys: the masters of a cluster, or the one that there is. */
export function serversOf(client: OwnClient): readonly Redis[] {
  return isCluster(client) ? client.nodes('master') : [client];
}

function isClient(connection: RedisOptions | OwnClient): connection is OwnClient {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}

function isCluster(client: OwnClient): client is Cluster {
  return client.isCluster === true;
}
