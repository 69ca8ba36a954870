import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../shop/main.js', import.meta.url));

/** The shop as a process that can be killed and started again. */
export class ShopProcess {
  private child: ChildProcess | undefined;

  constructor(
    readonly url: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Resolves when it takes requests. @throws {Error} when it ends before */
  async start(): Promise<void> {
    const child = fork(file, { env: this.env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child = child;
    const [event] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => [undefined]),
    ]);
    if (event !== 'ready') throw new Error('the shop did not start');
  }

  /** SIGKILL: it learns nothing of it. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}
