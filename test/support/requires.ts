import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { isExecutable, postgresPath, programPath } from './programs.js';

const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const chromiumHint = 'needs chromium: apt-get install chromium, or set CHROME_PATH';
const debianPackages = {
  'redis-server': 'redis-server',
  etcd: 'etcd-server',
  postgres: 'postgresql',
};
const benchHint = 'needs the peers of the benchmark: cd bench && npm ci';

/** Where a Chromium is: CHROME_PATH, or the first of its usual names on the PATH. */
export function chromiumPath(): string | undefined {
  const chosen = process.env['CHROME_PATH'];
  if (chosen !== undefined && chosen !== '') return isExecutable(chosen) ? chosen : undefined;
  for (const name of chromiumNames) {
    const found = programPath(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether the peers that the benchmark measures are installed, and not older than their lock file. */
export function hasBenchPeers(folder = 'bench'): boolean {
  const installed = changedAt(join(folder, 'node_modules', '.package-lock.json'));
  return installed > 0 && installed >= changedAt(join(folder, 'package-lock.json'));
}

/** 0 for a file that is not there. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** A `describe` that needs Chromium: see `describeWith`. */
export function describeWithChromium(title: string, body: (executablePath: string) => void): void {
  describeWith(title, chromiumPath(), chromiumHint, body);
}

/** A `describe` that needs a server of a Debian package: see `describeWith`. */
export function describeWithProgram(
  name: keyof typeof debianPackages,
  title: string,
  body: (executablePath: string) => void,
): void {
  const path = name === 'postgres' ? postgresPath() : programPath(name);
  describeWith(title, path, `needs ${name}: apt-get install ${debianPackages[name]}`, body);
}

/** A `describe` that needs the peers of `bench/`: see `describeWith`. */
export function describeWithBenchPeers(title: string, body: () => void): void {
  describeWith(title, hasBenchPeers() ? 'bench' : undefined, benchHint, body);
}

/**
 * A `describe` that needs something that may be missing. Without it its tests are skipped, and the
 * runner prints what to install; with `REQUIRE_ALL=1` they fail instead.
 *
 * The hint travels in the title, in brackets: `tools/test.mjs` reads it there.
 */
function describeWith(
  title: string,
  found: string | undefined,
  hint: string,
  body: (found: string) => void,
): void {
  if (found !== undefined) {
    describe(title, () => {
      body(found);
    });
  } else if (process.env['REQUIRE_ALL'] === '1') {
    describe(`${title} [${hint}]`, () => {
      it('finds what it needs', () => {
        throw new Error(hint);
      });
    });
  } else {
    describe.skip(`${title} [${hint}]`, () => {
      body('');
    });
  }
}
