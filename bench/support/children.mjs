import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const running = new Set();

/** What a child must not inherit: proxies, Node's own switches, credentials of a real merchant. */
const FOREIGN = /proxy|^NODE_|^UV_|^WECHATPAY_|^npm_/i;

function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return { ...Object.fromEntries(kept), NODE_ENV: 'production' };
}

/**
 * A worker in a process of its own, asked by name: `await child.ask('run', { ... })`.
 *
 * Every question has a deadline. The worker ends when `stop()` is called, when this process ends,
 * and, whatever happens, when this process is told to end.
 */
export class Child {
  #process;
  #label;
  #pending = new Map();
  #ready;
  #ended = withResolvers();
  #nextId = 0;

  /** Starts `bench/<file>`; `execArgv`: switches of Node, none by default. */
  static async start(file, label = file, execArgv = []) {
    const child = new Child(file, label, execArgv);
    await child.#ready;
    return child;
  }

  constructor(file, label, execArgv) {
    this.#label = label;
    this.#process = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), [], {
      env: environment(),
      execArgv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    running.add(this);
    this.#ready = this.#question(-1, 20_000);
    this.#ready.catch(() => undefined);
    this.#process.on('message', (message) => this.#settle(message));
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('exit', (code, signal) => this.#end(`ended early (${signal ?? code})`));
  }

  ask(op, args = {}, timeoutMs = 60_000) {
    const id = this.#nextId++;
    const answered = this.#question(id, timeoutMs);
    if (this.#process.connected) this.#process.send({ id, op, args }, () => undefined);
    return answered;
  }

  /** Lets the worker end by itself; ends it after a second if it does not. */
  async stop() {
    if (this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.kill(), 1_000);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  #question(id, timeoutMs) {
    const { promise, resolve, reject } = withResolvers();
    const timer = setTimeout(() => {
      this.kill();
      reject(new Error(`${this.#label}: no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#pending.set(id, { resolve, reject, timer });
    if (!running.has(this)) this.#end('is not running');
    return promise;
  }

  #settle({ id = -1, result, error }) {
    const question = this.#pending.get(id);
    if (!question) return;
    this.#pending.delete(id);
    clearTimeout(question.timer);
    if (error === undefined) question.resolve(result);
    else question.reject(new Error(`${this.#label}: ${error}`));
  }

  #end(why) {
    running.delete(this);
    this.#ended.resolve();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new Error(`${this.#label} ${why}`));
    }
    this.#pending.clear();
  }
}

/** Ends every worker that still runs, at once. */
export function killAll() {
  for (const child of running) child.kill();
}

function withResolvers() {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
}
