import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from '@jest/globals';

const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const chromiumHint = 'needs chromium: apt-get install chromium, or set CHROME_PATH';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a Chromium is: CHROME_PATH, or the first of its usual names on the PATH. */
export function chromiumPath(): string | undefined {
  const chosen = process.env['CHROME_PATH'];
  if (chosen !== undefined && chosen !== '') return isExecutable(chosen) ? chosen : undefined;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of chromiumNames) {
    const found = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * A `describe` that needs Chromium. Without one its tests are skipped, and the runner prints what to
 * install; with `REQUIRE_ALL=1` they fail instead.
 *
 * The hint travels in the title, in brackets: `tools/test.mjs` reads it there.
 */
export function describeWithChromium(title: string, body: (executablePath: string) => void): void {
  const path = chromiumPath();
  if (path !== undefined) {
    describe(title, () => {
      body(path);
    });
  } else if (process.env['REQUIRE_ALL'] === '1') {
    describe(`${title} [${chromiumHint}]`, () => {
      it('finds the program', () => {
        throw new Error(chromiumHint);
      });
    });
  } else {
    describe.skip(`${title} [${chromiumHint}]`, () => {
      body('');
    });
  }
}
