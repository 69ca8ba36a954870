import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { postgresPath, programPath } from './programs.js';

/** A real server of a test or a benchmark: on 127.0.0.1, a free port, a temporary folder. */
export interface TestServer {
  readonly port: number;
  /** As a client takes it: `redis://127.0.0.1:…`, `http://127.0.0.1:…`, `postgres://…`. */
  readonly url: string;
  /** SIGKILL, or what ends it without a farewell; resolves when it is gone. The data stay. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. Resolves when every thread stands. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** Starts it again after {@link kill}, on the same port and data; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it, however it is, and removes its folder. */
  close(): Promise<void>;
}

const STARTS_WITHIN_MS = 20_000;

interface ServerParts {
  readonly program: string;
  readonly path: string | undefined;
  readonly port: number;
  readonly url: string;
  readonly args: (folder: string) => string[];
  readonly answers: () => Promise<boolean>;
  /** Once, before the first start. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Whose process it is. */
  readonly user?: User;
  readonly endSignal?: NodeJS.Signals;
}

type User = Pick<SpawnOptions, 'uid' | 'gid'>;

/**
 * A Redis that keeps its data over {@link TestServer.restart}.
 *
 * @param more further options of `redis-server`
 */
export async function startRedis(...more: string[]): Promise<TestServer> {
  const port = await freePort();
  const args = (folder: string): string[] => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'yes', '--daemonize', 'no', ...more],
  ];
  const answers = async (): Promise<boolean> =>
    (await exchange(port, 'PING\r\n')).startsWith('+PONG');
  const path = programPath('redis-server');
  const url = `redis://127.0.0.1:${port}`;
  return startServer({ program: 'redis-server', path, port, url, args, answers });
}

/** An etcd of one member that keeps its data over {@link TestServer.restart}. */
export async function startEtcd(): Promise<TestServer> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const args = (folder: string): string[] => [
    ...['--name', 'test', '--data-dir', join(folder, 'data'), '--log-level', 'error'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `test=${peer}`],
  ];
  const answers = async (): Promise<boolean> =>
    (await exchange(port, `GET /health HTTP/1.0\r\nHost: x\r\n\r\n`)).includes('"true"');
  return startServer({ program: 'etcd', path: programPath('etcd'), port, url, args, answers });
}

/**
 * A PostgreSQL with the superuser `postgres` and no password, that keeps its data over
 * {@link TestServer.restart}. It does not run as root: root starts it as Debian's user `postgres`.
 *
 * @param more settings, such as `max_connections=20`
 */
export async function startPostgres(...more: string[]): Promise<TestServer> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const path = postgresPath();
  const user = process.getuid?.() === 0 ? await userCalled('postgres') : {};
  // what was committed is with the system, and outlives the process
  const settings = ['fsync=off', 'full_page_writes=off', ...more];
  const args = (folder: string): string[] => [
    ...['-D', join(folder, 'data'), '-k', folder, '-h', '127.0.0.1', '-p', String(port)],
    ...settings.flatMap((setting) => ['-c', setting]),
  ];
  const prepare = async (folder: string): Promise<void> => {
    if (user.uid !== undefined) await chown(folder, user.uid, user.gid ?? user.uid);
    const initdb = join(dirname(path ?? ''), 'initdb');
    const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale'];
    const place = ['-D', join(folder, 'data'), '--no-sync', '--no-instructions'];
    await promisify(execFile)(initdb, [...options, ...place], { ...user, cwd: folder });
  };
  const answers = async (): Promise<boolean> => {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    client.on('error', () => undefined);
    await client.connect();
    await client.end();
    return true;
  };
  const parts = { path, port, url, args, answers, prepare, user };
  // of SIGKILL its processes would learn one by one, and hold its memory until then
  return startServer({ ...parts, program: 'postgres', endSignal: 'SIGQUIT' });
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again until it holds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function startServer(parts: ServerParts): Promise<TestServer> {
  const { program, path, port, url, args, answers, prepare, user, endSignal = 'SIGKILL' } = parts;
  if (path === undefined) throw new Error(`${program} is not installed`);
  const folder = await mkdtemp(join(tmpdir(), `wechatpay-${program}-`));
  let child: ChildProcess | undefined;
  let frozen: number[] = [];
  const thaw = (): void => {
    for (const pid of frozen.splice(0)) signal(pid, 'SIGCONT');
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill(endSignal);
    thaw();
    await gone;
  };
  const restart = async (): Promise<void> => {
    await kill();
    // What it prints is read by nobody; its locale must not depend on the machine.
    const env = { PATH: process.env['PATH'], LC_ALL: 'C', ETCD_UNSUPPORTED_ARCH: process.arch };
    child = spawn(path, args(folder), { stdio: 'ignore', env, cwd: folder, ...user });
    const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
    failed.catch(() => undefined);
    const started = until(
      `${program} answers`,
      () => answers().catch(() => false),
      STARTS_WITHIN_MS,
    );
    await Promise.race([started, failed]);
  };
  const endWithUs = (): void => void child?.kill(endSignal);
  process.once('exit', endWithUs);
  const close = async (): Promise<void> => {
    process.off('exit', endWithUs);
    await kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const begin = async (): Promise<void> => {
    await prepare?.(folder);
    await restart();
  };
  await begin().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    port,
    url,
    kill,
    restart,
    close,
    freeze: async () => {
      frozen = await processes(child?.pid);
      for (const pid of frozen) signal(pid, 'SIGSTOP');
      await until(`${program} stands`, async () =>
        (await Promise.all(frozen.map(isStopped))).every(Boolean),
      );
    },
    thaw,
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has gone
  }
}

/** A process and those that it started; itself alone where the system does not tell. */
async function processes(pid: number | undefined): Promise<number[]> {
  if (pid === undefined) return [];
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '');
  return [pid, ...children.split(' ').filter(Boolean).map(Number)];
}

async function userCalled(name: string): Promise<User> {
  const ask = async (flag: string): Promise<number> =>
    Number((await promisify(execFile)('id', [flag, name])).stdout);
  return { uid: await ask('-u'), gid: await ask('-g') };
}

/** Whether all threads of a process are stopped; where the system does not tell, it is believed. */
async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const states = threads.map(async (thread) => {
    const text = await readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1').catch(() => ') T');
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
  });
  return (await Promise.all(states)).every((state) => state === 'T');
}

/** Sends a text and gives the first answer; `''` when nothing comes within a second. */
async function exchange(port: number, text: string): Promise<string> {
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
