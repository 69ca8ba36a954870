import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

/** Says what it was asked and under which settings; fails when it is asked for FAILING. */
const fakeNpm = `#!/bin/sh
echo "$(basename "$PWD"): $* REQUIRE_ALL=$REQUIRE_ALL COVERAGE=$COVERAGE" >> "$ASKED"
[ "$1" = it ] && printf '%s\\n' "$SAID"
[ "$*" != "$FAILING" ]
`;

describe('.ci/run', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-ci-'));
    cpSync('.ci', join(folder, 'repo', '.ci'), { recursive: true });
    for (const made of ['bin', 'repo/bench']) mkdirSync(join(folder, made));
    writeFileSync(join(folder, 'bin', 'npm'), fakeNpm, { mode: 0o755 });
    writeFileSync(join(folder, 'bin', 'fc-list'), '#!/bin/sh\necho Font\n', { mode: 0o755 });
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function run(said: string, failing = '') {
    const asked = join(folder, 'asked');
    const { status, stdout } = spawnSync('bash', [join(folder, 'repo', '.ci', 'run')], {
      cwd: tmpdir(),
      encoding: 'utf8',
      timeout: 15_000,
      env: {
        PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter),
        CHROME_PATH: process.execPath,
        ASKED: asked,
        SAID: said,
        FAILING: failing,
      },
    });
    const lines = stdout.trim().split('\n');
    return { status, lines, last: lines.at(-1), asked: readFileSync(asked, 'utf8').split('\n') };
  }

  const settings = 'REQUIRE_ALL=1 COVERAGE=1';

  it('runs the tests with nothing skipped, then all other checks, and ends with the sum', () => {
    const { status, last, asked } = run('tests: 1204 passed, 0 failed');
    expect(asked).toEqual([
      `bench: ci --no-audit --no-fund ${settings}`,
      `repo: it ${settings}`,
      `repo: run --silent lint ${settings}`,
      `repo: run --silent typecheck ${settings}`,
      `repo: run --silent typecheck:nest11 ${settings}`,
      `repo: run --silent build ${settings}`,
      `repo: run --silent check:package ${settings}`,
      '',
    ]);
    expect(last).toBe('tests: 1204 passed, 0 failed');
    expect(status).toBe(0);
  });

  it.each([
    ['it', 'tests'],
    ['run --silent lint', 'lint'],
    ['run --silent typecheck', 'types'],
    ['run --silent typecheck:nest11', 'types on Nest 11'],
    ['run --silent build', 'build'],
    ['run --silent check:package', 'packages'],
  ])('fails when `npm %s` fails, names the step, and still runs the others', (failing, step) => {
    const { status, lines, last, asked } = run('tests: 3 passed, 1 failed', failing);
    expect(lines).toContain(`failed step: ${step}`);
    expect(asked).toHaveLength(8);
    expect(last).toBe('tests: 3 passed, 1 failed');
    expect(status).toBe(1);
  });

  it('fails when the tests say nothing of their sum', () => {
    const { status, last } = run('killed');
    expect(last).toBe('tests: 0 passed, 1 failed');
    expect(status).toBe(1);
  });
});
