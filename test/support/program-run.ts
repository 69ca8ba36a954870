import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A program in a process group and a temporary folder of its own. */
export class ProgramRun {
  private readonly child: ChildProcess;
  private readonly temporary = mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-run-'));
  readonly ended: Promise<number | NodeJS.Signals>;
  out = '';
  errors = '';

  /** @param command the program and its arguments */
  constructor(
    [program = '', ...args]: readonly string[],
    settings: Readonly<Record<string, string | undefined>> = {},
  ) {
    chmodSync(this.temporary, 0o777); // a database server may be another user's
    this.child = spawn(program, args, {
      env: { ...process.env, TMPDIR: this.temporary, LC_ALL: 'C', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += String(chunk)));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.ended = new Promise((done) => {
      this.child.once('close', (code, signal) => done(signal ?? code ?? -1));
    });
  }

  /** Its processes that run, itself among them: the one that is waited for is not. */
  processes(): readonly Process[] {
    return everyProcess().filter(
      ({ group, state }) => group === this.child.pid && !state.startsWith('Z'),
    );
  }

  /** The process whose command line has this part. */
  processOf(part: string): number {
    const found = this.processes().find(({ args }) => args.includes(part));
    if (!found) throw new Error(`${part} does not run`);
    return found.pid;
  }

  /** What it keeps on disk. */
  leftovers(): readonly string[] {
    return readdirSync(this.temporary);
  }

  /** Whether anything of it is left: a process or a file. */
  isLeft(): boolean {
    return this.processes().length > 0 || this.leftovers().length > 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** As a terminal does for Ctrl-C: every process of the group gets it. */
  interrupt(): void {
    process.kill(-(this.child.pid ?? NaN), 'SIGINT');
  }

  destroy(): void {
    try {
      process.kill(-(this.child.pid ?? NaN), 'SIGKILL');
    } catch {
      // All of it has ended.
    }
    rmSync(this.temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Process {
  readonly pid: number;
  readonly group: number;
  /** `Z`: it has ended, and whoever has to wait for it has not yet. */
  readonly state: string;
  readonly args: string;
}

function everyProcess(): Process[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,pgid=,stat=,args=']).toString().split('\n');
    return lines.map((line) => {
      const [pid, group, state = '', ...args] = line.trim().split(/\s+/);
      return { pid: Number(pid), group: Number(group), state, args: args.join(' ') };
    });
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const facts = readFileSync(`/proc/${name}/stat`, 'utf8');
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const [, state = '', group] = /\) (\S) \d+ (\d+)/.exec(facts) ?? [];
        return [{ pid: Number(name), group: Number(group), state, args }];
      } catch {
        return [];
      }
    });
}
