/** A Redis of our own that keeps what it accepts: a free port of 127.0.0.1, a temporary folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { programPath } from '../../bench/support/servers.mjs';
import { bind } from '../demo/checks.mjs';
import { DemoError } from '../demo/processes.mjs';

const startsWithinMs = 20_000;

/**
 * Stands between us and the server, and ends it however we end: then nobody writes to its input any
 * more. A word there is the signal, and means that the data are still wanted.
 */
const guard = `folder=$1; shift
"$@" >/dev/null 2>&1 &
read -r word
kill -"\${word:-KILL}" $!
wait
[ -n "$word" ] || { cd / && rm -rf "$folder"; }`;

/**
 * What makes an accepted notification outlive the process and the machine. With `everysec` Redis may
 * answer before it has written: it puts a write off while the last one goes to the disk.
 */
const durable = [
  ...['--appendonly', 'yes', '--appendfsync', 'always'],
  ...['--maxmemory-policy', 'noeviction', '--save', ''],
];

/**
 * Starts it.
 *
 * @returns `{ url, folder, restart(signal), close() }`; `folder` is there for more files. It is gone, and
 * the folder too, when this process has ended
 */
export async function startRedis() {
  const program = programPath('redis-server');
  if (program === undefined) {
    throw new DemoError(
      '没有找到 Redis；redis-server is not installed: apt-get install redis-server',
    );
  }
  const port = await bind(0);
  const url = `redis://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'wechatpay-redis-'));
  const data = join(folder, 'data');
  await mkdir(data);
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data, ...durable];
  // Of its own group: Ctrl-C is for us, and the server ends last.
  const options = { cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'ignore'] };
  const begin = () => spawn('/bin/sh', ['-c', guard, 'guard', folder, program, ...args], options);
  const end = async (child, word) => {
    const gone = once(child, 'close');
    child.stdin.end(word);
    await gone;
  };
  let child = begin();
  await answers(url);
  return {
    url,
    folder,
    /** @param signal `KILL`, or `TERM` for a shutdown; resolves when it has its data and answers again */
    async restart(signal) {
      await end(child, `${signal}\n`);
      child = begin();
      await answers(url);
    },
    close: () => end(child, ''),
  };
}

async function answers(url) {
  for (const deadline = performance.now() + startsWithinMs; ;) {
    const options = { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null };
    const client = new Redis(url, options);
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.ping();
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new DemoError(`Redis 没有启动；Redis did not start: ${error.message}`);
      }
    } finally {
      client.disconnect();
    }
    await sleep(20);
  }
}
