import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export type ToGuard =
  | { readonly type: 'start'; readonly command: string; readonly args: readonly string[] }
  | { readonly type: 'stop' };

export type FromGuard =
  { readonly type: 'stopped' } | { readonly type: 'failed'; readonly text: string };

/** A program and a folder that end with this process, even when it is killed. */
export class Guarded {
  private readonly guard: ChildProcess;
  private stopped: (() => void) | undefined;
  /** What the server said when it ended by itself. */
  failure: string | undefined;

  /** @param folder removed at the end with everything in it */
  constructor(private readonly folder: string) {
    const file = fileURLToPath(new URL('guard.js', import.meta.url));
    this.guard = fork(file, [folder], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.guard.on('message', (message: FromGuard) => {
      if (message.type === 'failed') this.failure = message.text;
      else this.stopped?.();
    });
  }

  start(command: string, args: readonly string[]): void {
    this.failure = undefined;
    this.tell({ type: 'start', command, args });
  }

  /** SIGKILL; resolves when the program is gone. */
  stop(): Promise<void> {
    const stopped = new Promise<void>((done) => (this.stopped = done));
    this.tell({ type: 'stop' });
    return stopped;
  }

  /** Ends the program and removes the folder. */
  async end(): Promise<void> {
    if (this.guard.exitCode === null && this.guard.signalCode === null) {
      const gone = once(this.guard, 'exit');
      if (this.guard.connected) this.guard.disconnect();
      await gone;
    }
    // Ctrl-C may have ended the guard before it could listen.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private tell(message: ToGuard): void {
    if (this.guard.connected) this.guard.send(message, () => undefined);
  }
}
