import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const STARTS_WITHIN_MS = 20_000;
/** Debian keeps PostgreSQL off the PATH, one folder a version. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** The stores that have a server, and where their program comes from. */
export const STORES = {
  redis: { label: 'Redis', program: 'redis-server', debian: 'redis-server', start: startRedis },
  etcd: { label: 'etcd', program: 'etcd', debian: 'etcd-server', start: startEtcd },
};

/** Where a program of this name is on the PATH. */
export function programPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Whether `tools/postgres.mjs` will find a PostgreSQL to start. */
export function hasPostgres() {
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  return (
    programPath('postgres') !== undefined ||
    versions.some((version) => isExecutable(join(DEBIAN_POSTGRES, version, 'bin', 'postgres')))
  );
}

/**
 * A real server on 127.0.0.1, a free port and a temporary folder: `{ url, kill(), restart(),
 * freeze(), thaw(), close() }`. Its data stay over `kill()` (SIGKILL) and `restart()`.
 *
 * @param more arguments of `redis-server`
 */
async function startRedis(more = []) {
  const port = await freePort();
  return startServer('redis-server', `redis://127.0.0.1:${port}`, {
    args: (folder) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...['--save', '', '--appendonly', 'yes', '--daemonize', 'no', ...more],
    ],
    answers: async () => (await exchange(port, 'PING\r\n')).startsWith('+PONG'),
  });
}

async function startEtcd() {
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return startServer('etcd', url, {
    args: (folder) => [
      ...['--name', 'bench', '--data-dir', join(folder, 'data'), '--log-level', 'error'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `bench=${peer}`],
    ],
    answers: async () =>
      (await exchange(port, 'GET /health HTTP/1.0\r\nHost: x\r\n\r\n')).includes('"true"'),
  });
}

async function startServer(program, url, { args, answers }) {
  const path = programPath(program);
  const folder = await mkdtemp(join(tmpdir(), `wechatpay-bench-${program}-`));
  let child;
  const kill = async () => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  };
  const restart = async () => {
    await kill();
    const env = { PATH: process.env.PATH, LC_ALL: 'C', ETCD_UNSUPPORTED_ARCH: process.arch };
    child = spawn(path, args(folder), { stdio: 'ignore', env });
    let failure;
    child.once('error', (error) => (failure = error));
    const end = performance.now() + STARTS_WITHIN_MS;
    while (!(await answers().catch(() => false))) {
      if (failure) throw failure;
      if (performance.now() > end) throw new Error(`${program} does not answer`);
      await sleep(10);
    }
  };
  const endWithUs = () => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', endWithUs);
  const close = async () => {
    process.off('exit', endWithUs);
    await kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await restart();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    kill,
    restart,
    close,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  };
}

/** A port that nobody listens on now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Sends a text and gives the first answer; `''` when nothing comes within a second. */
async function exchange(port, text) {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(1_000, () => socket.destroy());
  try {
    socket.end(text);
    for await (const chunk of socket) {
      const answer = String(chunk);
      if (answer.startsWith('+') || answer.includes('{')) return answer;
    }
    return '';
  } finally {
    socket.destroy();
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
