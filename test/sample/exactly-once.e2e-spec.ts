import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages and the sample. */
const limitMs = 300_000;

describeWithProgram('postgres', 'npm run demo:exactly-once', () => {
  let temporary: string;
  let child: ChildProcess;
  let ended: Promise<number | NodeJS.Signals>;
  let out = '';
  let errors = '';

  beforeEach(() => {
    [out, errors] = ['', ''];
    temporary = mkdtempSync(join(tmpdir(), 'exactly-once-'));
    chmodSync(temporary, 0o777); // the server may be another user's
    const { DATABASE_URL: _, ...env } = process.env;
    child = spawn(process.execPath, ['tools/demo-exactly-once.mjs'], {
      env: { ...env, TMPDIR: temporary, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdout?.on('data', (chunk: Buffer) => (out += String(chunk)));
    child.stderr?.on('data', (chunk: Buffer) => (errors += String(chunk)));
    ended = new Promise((done) => {
      child.once('close', (code, signal) => done(signal ?? code ?? -1));
    });
  });

  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-(child.pid ?? 0), name);
    } catch {
      return false;
    }
  };
  /** The folder of the server goes after the server. */
  const isLeft = (): boolean => signal(0) || readdirSync(temporary).length > 0;

  afterEach(() => {
    signal('SIGKILL');
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  });

  it(
    'credits an order exactly once though it is delivered many times and the shop is killed',
    async () => {
      expect({ ending: await ended, errors }).toEqual({
        ending: 0,
        errors: expect.stringMatching(
          /middle of its transaction\.\n.*SIGKILL\. Credits in the database: 0\n[^]*credited exactly once/,
        ),
      });
      expect(out).toMatch(/^\{[^\n]*\}\n$/);
      const result = JSON.parse(out) as Readonly<Record<string, number>>;
      expect(result).toEqual({ orders: 1, deliveries: expect.any(Number), kills: 2, credits: 1 });
      expect(result['deliveries']).toBeGreaterThan(16);
      await until('all have ended', () => !isLeft(), 5_000);
    },
    limitMs,
  );

  it(
    'leaves neither process nor folder on Ctrl-C',
    async () => {
      await until('an order is placed', () => /is placed|Error/.test(errors), limitMs);
      signal('SIGINT');
      expect(await ended).toBe(0);
      await until('all have ended', () => !isLeft(), 5_000);
      expect(out).toBe('');
    },
    limitMs,
  );
});
