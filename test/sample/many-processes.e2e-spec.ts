import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages and the sample. */
const buildMs = 300_000;
const runMs = 120_000;

/** `node tools/demo-fleet.mjs` in a process group and a temporary folder of its own. */
class Fleet {
  private readonly child: ChildProcess;
  readonly temporary = mkdtempSync(join(tmpdir(), 'many-processes-'));
  readonly ended: Promise<number | NodeJS.Signals>;
  out = '';
  errors = '';

  constructor(settings: Record<string, string>) {
    this.child = spawn(process.execPath, ['tools/demo-fleet.mjs'], {
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

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The processes of the fleet that run, itself among them. */
  running(): readonly string[] {
    return this.processes().map(({ args }) => args);
  }

  /** The process of a shop. */
  shop(): number {
    const found = this.processes().find(({ args }) => args.includes('shop/main.js'));
    if (!found) throw new Error('no shop runs');
    return found.pid;
  }

  private processes(): readonly Process[] {
    return processes().filter(({ group, state }) => group === this.pid && !state.startsWith('Z'));
  }

  /** What it keeps on disk, keys among it. */
  leftovers(): readonly string[] {
    return readdirSync(this.temporary);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** As a terminal does for Ctrl-C: every process of the group gets it. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  destroy(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
    rmSync(this.temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Process {
  readonly pid: number;
  readonly group: number;
  readonly state: string;
  readonly args: string;
}

function processes(): Process[] {
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

describe('npm run demo:fleet', () => {
  const started: Fleet[] = [];
  const start = (settings: Record<string, string>): Fleet => {
    const fleet = new Fleet(settings);
    started.push(fleet);
    return fleet;
  };
  const underLoad = (fleet: Fleet): Promise<void> =>
    until('orders are paid', () => /\d s +[1-9]\d* +0 /.test(fleet.errors), runMs);

  beforeAll(async () => {
    const fleet = start({ STORE: 'dir', SECONDS: '5' });
    const isUp = (): boolean => fleet.errors.includes('all three are up');
    await until('the fleet is built and up', isUp, buildMs);
    fleet.kill('SIGTERM');
    await fleet.ended;
  }, buildMs);

  afterEach(() => {
    for (const fleet of started.splice(0)) fleet.destroy();
  });

  describeWithProgram('redis-server', 'on one Redis', () => {
    it(
      'rotates, kills and stops under load, and nobody notices',
      async () => {
        const fleet = start({ STORE: 'redis', SECONDS: '8' });
        const code = await fleet.ended;
        expect(fleet.errors).toContain('no customer noticed');
        expect(code).toBe(0);
        expect(fleet.out).toMatch(/^\{[^\n]*\}\n$/);
        const result = JSON.parse(fleet.out) as Record<string, number>;
        expect(Object.keys(result)).toEqual([
          'orders',
          'paid',
          'failedCalls',
          'refusedNotifications',
          'platformRotations',
          'merchantRotations',
          'downloads',
        ]);
        expect(result).toMatchObject({
          paid: result['orders'],
          failedCalls: 0,
          refusedNotifications: 0,
          platformRotations: 4,
          merchantRotations: 3,
        });
        expect(result['orders']).toBeGreaterThan(50);
        // One at the start, one a rotation, and two more while Redis was away.
        expect(result['downloads']).toBeGreaterThanOrEqual(7);
        expect(result['downloads']).toBeLessThanOrEqual(9);
        for (const line of ['killed with SIGKILL', 'Redis     stopped', 'is revoked', 'up again']) {
          expect(fleet.errors).toContain(line);
        }
        expect(fleet.running()).toEqual([]);
        expect(fleet.leftovers()).toEqual([]);
      },
      runMs,
    );

    it(
      'ends within two seconds on Ctrl-C, and leaves neither process nor key',
      async () => {
        const fleet = start({ STORE: 'redis' });
        await underLoad(fleet);
        expect(fleet.running()).toHaveLength(6); // itself, three shops, Redis and its guard
        const asked = performance.now();
        fleet.interrupt();
        expect(await fleet.ended).toBe(0);
        expect(performance.now() - asked).toBeLessThan(2000);
        await until('all have ended', () => fleet.running().length === 0, 2000);
        expect(fleet.leftovers()).toEqual([]);
        expect(fleet.out).toBe('');
      },
      runMs,
    );

    it(
      'leaves neither process nor key when it is killed',
      async () => {
        const fleet = start({ STORE: 'redis' });
        await underLoad(fleet);
        fleet.kill('SIGKILL');
        await until('all have ended', () => fleet.running().length === 0, 5000);
        expect(fleet.leftovers()).toEqual([]);
      },
      runMs,
    );
  });

  it(
    'says so and ends when a shop dies that should not',
    async () => {
      const fleet = start({ STORE: 'dir' });
      await underLoad(fleet);
      process.kill(fleet.shop(), 'SIGKILL');
      expect(await fleet.ended).toBe(1);
      expect(fleet.errors).toMatch(/shop \d .*ended with SIGKILL/);
      expect(fleet.running()).toEqual([]);
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  it.each([
    [{ SECONDS: '4' }, 'SECONDS is a whole number from 5 to 600, not "4"'],
    [{ SECONDS: '601' }, 'from 5 to 600'],
    [{ SECONDS: '1e2' }, 'from 5 to 600'],
    [{ STORE: 'mysql' }, 'STORE=redis|etcd|dir, not "mysql"'],
    [{ STORE: 'redis', PATH: '' }, 'apt-get install redis-server, or take STORE=dir'],
    [{ STORE: 'etcd', PATH: '' }, 'apt-get install etcd-server, or take STORE=dir'],
  ])(
    'refuses %j and names the remedy',
    async (settings, words) => {
      const fleet = start(settings);
      expect(await fleet.ended).toBe(1);
      expect(fleet.errors).toContain(words);
      expect(fleet.out).toBe('');
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  it(
    'takes a folder where neither server is installed, and says so',
    async () => {
      const fleet = start({ PATH: '' });
      await until('it begins', () => fleet.errors.includes('Ctrl-C'), runMs);
      expect(fleet.errors).toContain('redis-server and etcd are not installed');
      expect(fleet.errors).toContain('on one folder');
      fleet.kill('SIGTERM');
      expect(await fleet.ended).toBe(0);
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  afterAll(() => {
    for (const fleet of started.splice(0)) fleet.destroy();
  });
});
