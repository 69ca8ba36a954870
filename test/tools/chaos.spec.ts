import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages. */
const limitMs = 300_000;

/** `node tools/chaos.mjs …` in a process group and a temporary folder of its own. */
class Chaos {
  private readonly child: ChildProcess;
  readonly temporary = mkdtempSync(join(tmpdir(), 'chaos-'));
  readonly ended: Promise<number | NodeJS.Signals>;
  out = '';
  errors = '';

  constructor(...args: readonly string[]) {
    chmodSync(this.temporary, 0o777); // the server may be another user's
    this.child = spawn(process.execPath, ['tools/chaos.mjs', ...args], {
      env: { ...process.env, TMPDIR: this.temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += String(chunk)));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.ended = new Promise((done) => {
      this.child.once('close', (code, signal) => done(signal ?? code ?? -1));
    });
  }

  /** As a terminal does for Ctrl-C: every process of the group gets it. */
  signal(name: NodeJS.Signals): void {
    process.kill(-(this.child.pid ?? 0), name);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** What is left of it: processes, or the folder of the server, which goes after the server. */
  isLeft(): boolean {
    let isAlive = true;
    try {
      process.kill(-(this.child.pid ?? 0), 0);
    } catch {
      isAlive = false;
    }
    return isAlive || readdirSync(this.temporary).length > 0;
  }

  destroy(): void {
    if (this.isLeft()) {
      try {
        this.signal('SIGKILL');
      } catch {
        // All of it has ended.
      }
    }
    rmSync(this.temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

describeWithProgram('postgres', 'npm run chaos', () => {
  const started: Chaos[] = [];
  const start = (...args: readonly string[]): Chaos => {
    const chaos = new Chaos(...args);
    started.push(chaos);
    return chaos;
  };

  afterEach(() => {
    for (const chaos of started.splice(0)) chaos.destroy();
  });

  it(
    'credits every order once though a shop is killed and PostgreSQL restarts, and leaves nothing',
    async () => {
      const chaos = start('--seed', '4', '--orders', '300');
      const ending = await chaos.ended;
      const last = chaos.out.trimEnd().split('\n').at(-1) ?? '';
      expect({ ending, errors: chaos.errors }).toMatchObject({ ending: 0 });
      const result = JSON.parse(last) as Readonly<Record<string, number>>;
      expect(Object.keys(result)).toEqual([
        ...['seed', 'mode', 'orders', 'deliveries', 'resent', 'lost', 'doubled'],
        ...['forged', 'refused', 'accepted', 'rejected', 'givenUp', 'kills', 'restarts', 'seconds'],
      ]);
      expect(result).toMatchObject({
        ...{ seed: 4, mode: 'postgres', orders: 300, kills: 1, restarts: 1 },
        ...{ lost: 0, doubled: 0, accepted: 0, rejected: 0, givenUp: 0 },
        refused: result['forged'],
      });
      expect(result['deliveries']).toBeGreaterThan(1000);
      expect(result['resent']).toBeGreaterThan(0);
      expect(result['forged']).toBeGreaterThan(0);
      await until('all have ended', () => !chaos.isLeft(), 5_000);
    },
    limitMs,
  );

  it.each([
    ['on Ctrl-C', (chaos: Chaos) => chaos.signal('SIGINT'), 130],
    ['when it is killed', (chaos: Chaos) => chaos.kill(), 'SIGKILL'],
  ] as const)(
    'leaves neither process nor folder %s',
    async (_, end, expected) => {
      const chaos = start('--orders', '100000');
      await until('it delivers', () => /deliveries|Error/.test(chaos.errors), limitMs);
      end(chaos);
      expect(await chaos.ended).toBe(expected);
      await until('all have ended', () => !chaos.isLeft(), 10_000);
      expect(chaos.out).toBe('');
    },
    limitMs,
  );

  it.each([
    [['--mode', 'mysql'], '--mode is one of postgres'],
    [['--orders', '0'], '--orders is a whole number from 1 to'],
    [['--seed', '1e3'], '--seed is a whole number from 0 to'],
    [['--sed', '1'], "Unknown option '--sed'"],
  ])('refuses %j and says what there is', async (args, words) => {
    const chaos = start(...args);
    expect(await chaos.ended).toBe(1);
    expect(chaos.errors).toContain(words);
    expect(chaos.out).toBe('');
  });
});
