import {
  BoundedCalls,
  fieldKey,
  MAX_FIELD_BYTES,
  pollEvery,
  storedField,
} from '../../certificates/index.js';
import type { CredentialField } from '../../merchant/index.js';
import { listenOn, type RedisClient } from './client.js';

/** Settings of {@link fromRedis}. */
export interface FromRedisOptions {
  /** How often the value is compared, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

/**
 * One field of a credential from a string in Redis, at most 64 KiB. A change is seen within the poll
 * interval, and at once when whoever writes it also publishes to `<key>:changed` (with anything as the
 * message): notifications of keyspace events are off in most servers. Whoever can write the key can
 * change who you sign as; give Redis a password and TLS.
 *
 * @param client your connected `ioredis` client; it stays yours to end
 * @example `credentialFrom({ privateKey: fromRedis(redis, 'pay:private-key'), … })`
 * @publicApi
 */
export function fromRedis(
  client: RedisClient,
  key: string,
  options: FromRedisOptions = {},
): CredentialField<Buffer> {
  const name = fieldKey(key);
  const calls = new BoundedCalls('Redis');
  return storedField({
    what: `The Redis key ${name}`,
    read: () =>
      calls.run(async () => {
        const value = await client.getrangeBuffer(name, 0, MAX_FIELD_BYTES);
        return Buffer.isBuffer(value) ? value : undefined;
      }),
    listen: (nudge) => listenOn(client, `${name}:changed`, nudge),
    everyMs: pollEvery(options.pollMs),
  });
}
