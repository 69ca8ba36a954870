import { BoundedCalls, fieldKey, pollEvery, storedField } from '../../certificates/index.js';
import type { CredentialField } from '../../merchant/index.js';
import { blockingMs, readKeys, type ConsulClient } from './client.js';

/** Settings of {@link fromConsul}. */
export interface FromConsulOptions {
  /** How long a blocking query waits, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

/**
 * One field of a credential from a key in Consul, at most 64 KiB. Blocking queries tell of changes.
 * Whoever can write the key can change who you sign as: give Consul ACLs and TLS.
 *
 * @param client your `consul` client; it stays yours to destroy
 * @example `credentialFrom({ privateKey: fromConsul(consul, 'pay/private-key'), … })`
 * @publicApi
 */
export function fromConsul(
  client: ConsulClient,
  key: string,
  options: FromConsulOptions = {},
): CredentialField<Buffer> {
  const name = fieldKey(key);
  const waitMs = pollEvery(options.pollMs);
  const calls = new BoundedCalls('Consul');
  let seen = 0;
  return storedField({
    what: `The Consul key ${name}`,
    read: () => calls.run(async () => (await readKeys(client, name)).items[0]?.value),
    wait: (signal) =>
      calls.run(async () => {
        const block = seen > 0 ? { index: seen, waitMs, signal } : undefined;
        const { index, items } = await readKeys(client, name, block && { block });
        seen = index < seen ? 0 : index;
        return items[0]?.value;
      }, blockingMs(waitMs)),
    everyMs: 20,
  });
}
