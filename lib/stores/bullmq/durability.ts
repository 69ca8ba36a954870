import { WechatPayConfigurationError, WechatPayStoreError } from '../../errors/index.js';
import { serversOf, type OwnClient } from './connect.js';

/**
 * What speaks against trusting a Redis with accepted notifications. `INFO` tells: managed servers refuse
 * `CONFIG`.
 *
 * @returns sentences with their remedy; none when it keeps what it accepts
 * @throws {WechatPayStoreError} or what the client throws, when it cannot be asked
 */
export async function durabilityProblems(client: OwnClient): Promise<readonly string[]> {
  const servers = serversOf(client);
  if (servers.length === 0) throw new WechatPayStoreError('The cluster has no master now');
  const texts = await Promise.all(servers.map((server) => server.info()));
  return [...new Set(texts.flatMap(problemsIn))];
}

/** What is wrong, as the error that ends a start. */
export function notDurable(problems: readonly string[]): WechatPayConfigurationError {
  return new WechatPayConfigurationError(problems, {
    title: 'The Redis of the notification queue does not keep what it accepts',
  });
}

function problemsIn(info: string): string[] {
  const facts = new Map(
    info.split(/\r?\n/).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const problems: string[] = [];
  if (facts.get('aof_enabled') !== '1') {
    problems.push(
      "it has no append-only file, so that accepted payments are gone when it restarts: set appendonly yes (and appendfsync always, for the power to fail), or say durability: 'warn'",
    );
  }
  const policy = facts.get('maxmemory_policy');
  if (policy !== 'noeviction') {
    problems.push(
      `its maxmemory-policy is ${/^[a-z-]{1,32}$/.test(policy ?? '') ? policy : 'not known'}, so that accepted payments may be thrown away when memory is short: set maxmemory-policy noeviction, or say durability: 'warn'`,
    );
  }
  return problems;
}
