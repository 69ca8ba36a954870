import { BoundedCalls, fieldKey, pollEvery, storedField } from '../../certificates/index.js';
import type { CredentialField } from '../../merchant/index.js';
import { listenTo, type EtcdClient } from './client.js';

/** Settings of {@link fromEtcd}. */
export interface FromEtcdOptions {
  /** How often the value is compared beside the watch, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

const CALL_MS = 2_000;

/**
 * One field of a credential from a key in etcd, at most 64 KiB. A watch tells of changes. Whoever can
 * write the key can change who you sign as: give etcd users, roles and TLS.
 *
 * @param client your connected `etcd3` client; it stays yours to close
 * @example `credentialFrom({ privateKey: fromEtcd(etcd, 'pay/private-key'), … })`
 * @publicApi
 */
export function fromEtcd(
  client: EtcdClient,
  key: string,
  options: FromEtcdOptions = {},
): CredentialField<Buffer> {
  const name = fieldKey(key);
  const calls = new BoundedCalls('etcd');
  return storedField({
    what: `The etcd key ${name}`,
    read: () =>
      calls.run(async () => {
        const deadline = Date.now() + CALL_MS;
        const { kvs } = await client.get(name).options({ deadline }).exec();
        return kvs[0]?.value;
      }),
    listen: (nudge, fail) => listenTo(client.watch().key(name), nudge, fail),
    everyMs: pollEvery(options.pollMs),
  });
}
