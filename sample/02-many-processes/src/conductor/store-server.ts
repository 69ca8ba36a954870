import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Guarded } from './guarded.js';
import { storeNames, UserError, type Settings } from './settings.js';
import { until } from './time.js';

/** What the shops share, and how to take it away from them. */
export interface StoreServer {
  readonly name: string;
  /** As `STORE_URL` of a shop. */
  readonly url: string;
  stop(): Promise<void>;
  /** Starts it again with what it held. */
  start(): Promise<void>;
}

const startsWithinMs = 20_000;
const host = '127.0.0.1';

/** Starts a store on a free port of this machine alone, with its data in `folder`. */
export async function openStoreServer(
  { kind, program }: Settings,
  folder: string,
  guarded: Guarded,
  signal: AbortSignal,
): Promise<StoreServer> {
  const data = join(folder, 'store');
  await mkdir(data, { mode: 0o700 });
  if (kind === 'dir' || program === undefined) return folderStore(data);
  const port = await freePort();
  const client = `http://${host}:${port}`;
  const peer = `http://${host}:${await freePort()}`;
  const redis = {
    url: `redis://${host}:${port}`,
    args: [
      ...['--port', String(port), '--bind', host, '--dir', data, '--daemonize', 'no'],
      ...['--save', '', '--appendonly', 'yes'],
    ],
    ask: 'PING\r\n',
    answer: '+PONG',
  };
  const etcd = {
    url: client,
    args: [
      ...['--name', 'one', '--data-dir', data, '--log-level', 'error'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `one=${peer}`],
    ],
    ask: `GET /health HTTP/1.0\r\nHost: ${host}\r\n\r\n`,
    answer: '"true"',
  };
  const { url, args, ask, answer } = kind === 'redis' ? redis : etcd;
  const start = async (): Promise<void> => {
    guarded.start(program, args);
    const isUp = async (): Promise<boolean> =>
      guarded.failure !== undefined || (await exchange(port, ask)).includes(answer);
    const took = await until(isUp, startsWithinMs, signal);
    if (guarded.failure === undefined && took !== undefined) return;
    throw new UserError(`${kind} 没有启动；did not start: ${guarded.failure ?? 'no answer'}`);
  };
  await start();
  return { name: storeNames[kind], url, start, stop: () => guarded.stop() };
}

/**
 * A folder has no server: a file in its place comes nearest to an outage. The shops know it by a link,
 * which can be replaced in one step.
 */
async function folderStore(data: string): Promise<StoreServer> {
  const link = `${data}.link`;
  const put = async (make: (draft: string) => Promise<void>): Promise<void> => {
    const draft = `${link}.draft`;
    await make(draft);
    await rename(draft, link);
  };
  const start = (): Promise<void> => put((draft) => symlink(data, draft));
  await start();
  const stop = (): Promise<void> => put((draft) => writeFile(draft, ''));
  return { name: storeNames.dir, url: pathToFileURL(link).href, start, stop };
}

/** A port that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

/** Sends a text and gives what comes back within half a second. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((done) => {
    let answer = '';
    const socket = connect(port, host, () => socket.write(text));
    const finish = (): void => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(500, finish);
    socket.on('error', finish);
    socket.on('close', finish);
    socket.on('data', (chunk: Buffer) => {
      answer += String(chunk);
      if (answer.startsWith('+') || answer.includes('}')) finish();
    });
  });
}
