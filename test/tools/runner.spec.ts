import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const limitMs = 120_000;
const legs = ['esm', 'cjs', 'package'] as const;
type Leg = (typeof legs)[number];

/** `npm test` in a repository of a few small specs. */
describe('The test runner', () => {
  let root: string;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-runner-')));
    for (const file of ['test.mjs', 'nest11.mjs']) {
      cpSync(join('tools', file), join(root, 'tools', file));
    }
    write('tools/build.mjs', '');
    write('package.json', '{}');
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'), 'dir');
    const swc = pathToFileURL(join(process.cwd(), 'test', 'swc.mjs')).href;
    for (const leg of legs) {
      write(
        `test/jest.${leg}.config.mjs`,
        `import { swcTransform } from ${JSON.stringify(swc)};
        export default {
          rootDir: '..',
          testMatch: ['<rootDir>/${leg}/*.spec.ts'],
          transform: swcTransform('commonjs'),
          moduleNameMapper: { '^([./].*)\\\\.js$': '$1' },
          maxWorkers: 1,
        };`,
      );
    }
  });

  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  /** One spec of a leg: what stands behind `it(title, …)`, by title. */
  function spec(leg: Leg, tests: Readonly<Record<string, string>>): void {
    const calls = Object.entries(tests).map(([title, body]) => `it('${title}', ${body});`);
    write(`${leg}/small.spec.ts`, calls.join('\n'));
  }

  function run(legsToRun: readonly Leg[], settings: Readonly<Record<string, string>> = {}) {
    const { COVERAGE: _c, REQUIRE_ALL: _r, TEST_LIMIT_MINUTES: _l, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'tools', 'test.mjs'), ...legsToRun],
      { env: { ...env, ...settings }, encoding: 'utf8', timeout: limitMs },
    );
    const lines = stdout.trim().split('\n');
    return { status, lines, last: lines.at(-1), stderr };
  }

  it(
    'adds up what all legs passed and failed, and fails with them',
    () => {
      spec('esm', { 'adds up': '() => {}', 'adds more': '() => {}' });
      spec('cjs', { 'goes wrong': '() => { throw new Error() }', 'goes well': '() => {}' });
      spec('package', { unpacks: '() => {}' });
      const { status, last, lines } = run([]);
      expect(last).toBe('tests: 4 passed, 1 failed');
      expect(lines).toContain('failed: Nest 11, CommonJS: cjs/small.spec.ts: goes wrong');
      expect(status).toBe(1);
    },
    limitMs,
  );

  it(
    'ends well when nothing failed',
    () => {
      spec('esm', { 'adds up': '() => {}' });
      expect(run(['esm'])).toMatchObject({ status: 0, last: 'tests: 1 passed, 0 failed' });
    },
    limitMs,
  );

  it(
    'counts a spec that cannot run, and a leg without a result',
    () => {
      write('esm/broken.spec.ts', 'throw new Error();');
      spec('esm', { 'adds up': '() => {}' });
      write('test/jest.cjs.config.mjs', 'throw new Error();');
      const { status, last, lines } = run(['esm', 'cjs']);
      expect(last).toBe('tests: 1 passed, 2 failed');
      expect(lines).toContain('failed: Nest 12, ES modules: esm/broken.spec.ts did not run');
      expect(lines).toContain('failed: Nest 11, CommonJS: no result (code 1)');
      expect(status).toBe(1);
    },
    limitMs,
  );

  it(
    'ends what does not end within its limit',
    () => {
      spec('esm', { waits: '() => new Promise(() => setInterval(() => {}, 1000)), 600_000' });
      const { status, last, lines } = run(['esm'], { TEST_LIMIT_MINUTES: '0.05' });
      expect(lines).toContain('failed: Nest 12, ES modules: no result (out of time)');
      expect(last).toMatch(/^tests: 0 passed, \d failed$/);
      expect(status).toBe(1);
    },
    limitMs,
  );

  it('knows its legs', () => {
    expect(run(['everything' as Leg])).toMatchObject({ status: 2 });
  });

  describe('without a browser', () => {
    const hint = 'needs chromium: apt-get install chromium, or set CHROME_PATH';
    const missing = { CHROME_PATH: '/nowhere/chrome' };

    beforeEach(() => {
      const requires = join(process.cwd(), 'test', 'support', 'requires.js');
      spec('cjs', { 'adds up': '() => {}' });
      write(
        'cjs/browser.spec.ts',
        `import { describeWithChromium } from ${JSON.stringify(requires)};
        describeWithChromium('A page', () => { it('opens', () => {}); it('closes', () => {}); });`,
      );
    });

    it(
      'says how many tests it skips and what to install',
      () => {
        const { status, last, lines } = run(['cjs'], missing);
        expect(lines).toContain(`skipped 2: Nest 11, CommonJS: cjs/browser.spec.ts: ${hint}`);
        expect(last).toBe('tests: 1 passed, 0 failed, 2 skipped');
        expect(status).toBe(0);
      },
      limitMs,
    );

    it(
      'fails with REQUIRE_ALL=1',
      () => {
        const { status, last, lines } = run(['cjs'], { ...missing, REQUIRE_ALL: '1' });
        expect(lines).toContain(
          `failed: Nest 11, CommonJS: cjs/browser.spec.ts: A page [${hint}] finds what it needs`,
        );
        expect(last).toBe('tests: 1 passed, 1 failed');
        expect(status).toBe(1);
      },
      limitMs,
    );
  });

  it(
    'takes a test that the source skips for a failure with REQUIRE_ALL=1',
    () => {
      write('esm/skipped.spec.ts', "it.skip('later', () => {}); it('now', () => {});");
      const { status, last, lines } = run(['esm'], { REQUIRE_ALL: '1' });
      expect(lines).toContain('failed: REQUIRE_ALL=1: 1 tests were skipped');
      expect(last).toBe('tests: 1 passed, 1 failed, 1 skipped');
      expect(status).toBe(1);
    },
    limitMs,
  );
});
