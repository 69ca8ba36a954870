/**
 * A process that outlives the conductor by a moment, however that one ends: then it ends the store's
 * server and removes the temporary folder. It does nothing of its own otherwise.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { FromGuard, ToGuard } from './guarded.js';

const folder = process.argv[2] ?? '';
let server: ChildProcess | undefined;
let isEnding = false;

process.on('message', (message) => void obey(message as ToGuard));
process.on('SIGINT', () => undefined); // Ctrl-C reaches every process; the conductor decides
for (const event of ['disconnect', 'SIGTERM', 'SIGHUP']) process.once(event, () => void end());
if (!process.connected) void end(); // it was gone before this file was loaded

async function obey(message: ToGuard): Promise<void> {
  if (message.type === 'start') start(message.command, message.args);
  else {
    await stop();
    tell({ type: 'stopped' });
  }
}

function start(command: string, args: readonly string[]): void {
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', ETCD_UNSUPPORTED_ARCH: process.arch };
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + String(chunk)).slice(-2000)));
  }
  const report = (text: string): void => {
    if (child === server) tell({ type: 'failed', text });
  };
  child.once('error', ({ message }) => report(message));
  child.once('exit', (code, signal) => report(`ended with ${signal ?? `code ${code}`}\n${said}`));
  server = child;
}

async function stop(): Promise<void> {
  const child = server;
  server = undefined;
  if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  await stop();
  if (folder !== '') await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

function tell(message: FromGuard): void {
  if (process.connected) process.send?.(message, () => undefined);
}
