import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromShop, ToShop } from '../messages.js';
import type { Tally } from './tally.js';
import { until } from './time.js';
import { UserError } from './settings.js';

const shopFile = fileURLToPath(new URL('../shop/main.js', import.meta.url));
const startsWithinMs = 60_000;
const patienceMs = 1200;

/** One shop: a process that can be killed and started again. */
export class ShopProcess {
  /** Undefined while it is not up. */
  port: number | undefined;
  /** Certificates, of both sides, that came in force since the process started. */
  readonly serials = new Set<string>();
  hasLostStore = false;
  private child: ChildProcess | undefined;
  private said = '';
  private isWanted = false;

  /** @param onCrash the process ended, and nobody wanted it to */
  constructor(
    readonly name: string,
    private readonly env: Readonly<Record<string, string>>,
    private readonly tally: Tally,
    private readonly onCrash: (error: Error) => void,
  ) {}

  get isUp(): boolean {
    return this.port !== undefined;
  }

  /** Resolves when it takes requests. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.serials.clear();
    this.hasLostStore = false;
    this.said = '';
    this.isWanted = true;
    const child = fork(shopFile, { env: this.env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.said = (this.said + String(chunk)).slice(-4000)));
    }
    child.on('message', (message: FromShop) => this.hear(message));
    child.once('close', (code, ending) => {
      if (child !== this.child || !this.isWanted) return;
      this.port = undefined;
      const how = ending ?? `code ${code}`;
      this.onCrash(new UserError(`${this.name} 意外退出；ended with ${how}.\n${this.said}`));
    });
    if ((await until(() => this.isUp, startsWithinMs, signal)) !== undefined) return;
    throw new UserError(`${this.name} 没有就绪；was not ready within a minute.\n${this.said}`);
  }

  renew(): void {
    const message: ToShop = { type: 'renew' };
    if (this.child?.connected) this.child.send(message, () => undefined);
  }

  /** SIGKILL, in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.isWanted = false;
    this.port = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  private hear(message: FromShop): void {
    switch (message.type) {
      case 'ready':
        this.port = message.port;
        return;
      case 'paid':
        this.tally.notified.add(message.outTradeNo);
        return;
      case 'keys':
        return this.hearOfKeys(message);
    }
  }

  private hearOfKeys({ event, serials, problem }: FromShop & { type: 'keys' }): void {
    for (const serial of serials) this.serials.add(serial);
    if (event === 'store-lost') this.hasLostStore = true;
    if (event === 'store-back') this.hasLostStore = false;
    if (event === 'refresh-failed') this.tally.failed(`${this.name}: ${problem}`);
  }
}
