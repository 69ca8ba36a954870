/** A PostgreSQL of our own for a demonstration: a free port of 127.0.0.1, a temporary folder. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readdirSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { bind } from './demo/checks.mjs';
import { DemoError } from './demo/processes.mjs';

const startsWithinMs = 20_000;
/** Debian keeps its programs off the PATH, one folder a version. */
const debian = '/usr/lib/postgresql';

/**
 * Stands between us and the server, and ends it however we end: then nobody writes to its input any
 * more. A line there means that the data are still wanted.
 */
const guard = `folder=$1; shift
"$@" >/dev/null 2>&1 &
read -r word
kill -QUIT $!
wait
[ "$word" = keep ] || { cd / && rm -rf "$folder"; }`;

/**
 * Starts it; its superuser is `postgres`, without a password. Root starts it as Debian's user `postgres`,
 * as it refuses to run as root.
 *
 * @returns `{ url, restart(), close() }`; it is gone, and its folder too, when this process has ended
 */
export async function startPostgres() {
  const program = findPostgres();
  if (program === undefined) {
    throw new DemoError(
      '没有找到 PostgreSQL；PostgreSQL is not installed: apt-get install postgresql',
    );
  }
  const port = await bind(0);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const folder = await mkdtemp(join(tmpdir(), 'wechatpay-postgres-'));
  const user = process.getuid?.() === 0 ? await userCalled('postgres') : {};
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const args = [
    ...['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port)],
    // what was committed is with the system, and outlives the process
    ...['-c', 'fsync=off', '-c', 'full_page_writes=off'],
  ];
  // Of its own group: Ctrl-C is for us, and the server ends last.
  const options = { ...user, cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'ignore'] };
  const begin = () => spawn('/bin/sh', ['-c', guard, 'guard', folder, program, ...args], options);
  const end = async (child, word) => {
    const gone = once(child, 'close');
    child.stdin.end(word);
    await gone;
  };
  const setUp = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale'];
  const initdb = join(dirname(program), 'initdb');
  await promisify(execFile)(initdb, [...setUp, '-D', data, '--no-sync'], { ...user, cwd: folder });
  let child = begin();
  await answers(url);
  return {
    url,
    /** Without a farewell; resolves when it answers again, with what was committed. */
    async restart() {
      await end(child, 'keep\n');
      child = begin();
      await answers(url);
    },
    close: () => end(child, ''),
  };
}

async function answers(url) {
  for (const deadline = performance.now() + startsWithinMs; ;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new DemoError(`PostgreSQL 没有启动；PostgreSQL did not start: ${error.message}`);
      }
    }
    await sleep(20);
  }
}

function findPostgres() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const versions = namesIn(debian).sort((one, other) => Number(other) - Number(one));
  const places = [...folders, ...versions.map((version) => join(debian, version, 'bin'))];
  return places.map((folder) => join(folder, 'postgres')).find(isExecutable);
}

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function userCalled(name) {
  const ask = async (flag) => Number((await promisify(execFile)('id', [flag, name])).stdout);
  return { uid: await ask('-u'), gid: await ask('-g') };
}
