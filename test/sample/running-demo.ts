import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The demo's JSON line. */
export interface Addresses {
  readonly ready: boolean;
  readonly shop: string;
  readonly emulator: string;
}

/** The demo in a process group of its own. */
export class Demo {
  private readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
  out = '';
  errors = '';

  constructor(
    settings: Record<string, string> = {},
    [program = '', ...args]: readonly string[] = [process.execPath, 'tools/demo.mjs'],
  ) {
    this.child = spawn(program, args, {
      env: { ...process.env, SHOP_PORT: '0', EMULATOR_PORT: '0', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += String(chunk)));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.ended = new Promise((done) => {
      this.child.once('exit', (code, signal) => done(signal ?? code ?? -1));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The JSON line, once everything answers. */
  async ready(): Promise<Addresses> {
    const line = new Promise<string>((done) => {
      const look = () => {
        const end = this.out.indexOf('\n');
        if (end >= 0) done(this.out.slice(0, end));
      };
      this.child.stdout?.on('data', look);
      look();
    });
    const failed = this.ended.then((ending) => {
      throw new Error(`the demo ended with ${ending}: ${this.errors}`);
    });
    return JSON.parse(await Promise.race([line, failed])) as Addresses;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ctrl-C: a terminal's signal goes to all of them. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  /** Whether any process of the demo is left. */
  isAlive(): boolean {
    try {
      return process.kill(-this.pid, 0);
    } catch {
      return false;
    }
  }

  destroy(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  }
}

/** @throws {Error} when it takes longer */
export async function within<T>(ms: number, what: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_done, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms} ms`)), ms);
  });
  return Promise.race([what, late]).finally(() => clearTimeout(timer));
}

/** Looks again and again: bound it with `within`. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 20));
}

/** The servers that a demo runs, by a part of their command line. */
export function childOf(parent: number, part: string): number {
  for (const { pid, ppid, args } of processes()) {
    if (ppid === parent && args.includes(part)) return pid;
  }
  throw new Error(`${part} does not run`);
}

function processes(): { pid: number; ppid: number; args: string }[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString().split('\n');
    return lines.map((line) => {
      const [, pid, ppid, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return { pid: Number(pid), ppid: Number(ppid), args };
    });
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const ppid = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), ppid: Number(ppid), args }];
      } catch {
        return [];
      }
    });
}
