/** The processes of the demo: every one of them ends with it. */
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { root, sample } from './places.mjs';

const patience = { stopMs: 1200, lastMs: 1700, watchMs: 250 };
const keptLines = 60;

/** A child ends with this process, however this one ends: the channel between them closes. */
const leash = `process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000).unref();
});
process.channel?.unref();`;
const leashFlag = `--import=data:text/javascript,${encodeURIComponent(leash)}`;

/** What must be said to the user, and nothing more: no stack trace. */
export class DemoError extends Error {}

const running = new Set();
let stopping = false;

export const isStopping = () => stopping;
export const servers = () => [...running].filter((child) => !child.isGroup);

/** Starts a server of ours. Its output is kept until it `speaks`, and shown when it fails before. */
export function serve(name, args, settings) {
  const env = { ...process.env, NODE_ENV: 'development', ...settings };
  if (!process.stderr.isTTY) env.NO_COLOR ??= '1';
  for (const key of Object.keys(process.env)) {
    if (key.startsWith('WECHATPAY_') && !(key in settings)) delete env[key];
  }
  const child = spawn(process.execPath, [leashFlag, ...args], {
    cwd: sample,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const kept = [];
  child.speaks = false;
  child.said = () => kept.join('\n');
  child.lines = createInterface({ input: child.stdout });
  for (const lines of [child.lines, createInterface({ input: child.stderr })]) {
    lines.on('line', (line) => {
      kept.push(line);
      if (kept.length > keptLines) kept.shift();
      if (child.speaks && !stopping) say(`[${name}] ${line}`);
    });
  }
  running.add(child);
  child.title = name;
  child.ended = new Promise((done) => {
    child.once('error', (error) => done(error.message));
    // 'close' comes after the last line was read.
    child.once('close', (code, signal) => done(signal ?? `code ${code}`));
  });
  void child.ended.then((ending) => {
    running.delete(child);
    // Ctrl-C reaches the children too, perhaps before it reaches us.
    if (child.speaks) setTimeout(() => void fall(child, ending), 100);
  });
  return child;
}

/** A server that was up is gone: so is the demo. */
async function fall(child, ending) {
  if (stopping) return;
  say(`demo: ${crash(child, ending).message}`);
  await stop(1);
}

export function crash(child, ending) {
  const output = child.speaks ? '' : `\n${child.said()}`;
  return new DemoError(
    `${child.title} 意外退出；the ${child.title} ended with ${ending}.${output}`,
  );
}

/** Runs a program to its end in a group of its own. Resolves to 'code N' or a signal's name. */
export function run(command, args, shell = false) {
  const detached = process.platform !== 'win32';
  // Its output goes where ours is not read by programs.
  const child = spawn(command, args, { cwd: root, shell, detached, stdio: ['ignore', 2, 2] });
  child.isGroup = detached;
  running.add(child);
  return new Promise((done) => {
    const finish = (ending) => {
      running.delete(child);
      if (!stopping) done(ending);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
  });
}

function kill(signal) {
  for (const child of running) {
    try {
      if (child.isGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Ends everything, then this process. */
export async function stop(code) {
  if (stopping) return;
  stopping = true;
  setTimeout(() => kill('SIGKILL'), patience.stopMs);
  setTimeout(() => process.exit(code), patience.lastMs);
  kill('SIGTERM');
  while (running.size > 0) await new Promise((done) => setTimeout(done, 20));
  process.exit(code);
}

/** npm may be ended in a way that it cannot pass on; then nobody is left to press Ctrl-C. */
export function endWithNpm(script = 'demo', end = () => void stop(0)) {
  const isScript = [script].flat().includes(process.env.npm_lifecycle_event);
  if (!isScript || process.platform === 'win32') return;
  const parent = process.ppid;
  const npm = npmAbove(parent);
  setInterval(() => {
    if (process.ppid !== parent || (npm !== undefined && !isAlive(npm))) end();
  }, patience.watchMs).unref();
}

/** npm starts its scripts through a shell, which may outlive it. */
function npmAbove(shell) {
  const look = (field, pid) =>
    execFileSync('ps', ['-o', `${field}=`, '-p', pid], { stdio: 'pipe' });
  try {
    const pid = String(look('ppid', String(shell))).trim();
    return String(look('args', pid)).includes('npm') ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether there is a process of this number. */
export function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** All that is not the JSON line and the guide goes to stderr. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}
