import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
/** The folders of the two packages. */
export const packages = [root, join(root, 'emulator')];

/**
 * Packs a package as it is now, without building it.
 *
 * Returns npm's report of it: `id`, `filename`, `size`, `files` with `path` and `mode`.
 */
export function pack(place, folder) {
  const flags = ['--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', folder];
  const printed = execFileSync('npm', ['pack', ...flags], {
    cwd: place,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  const report = JSON.parse(printed);
  return Array.isArray(report) ? report[0] : Object.values(report)[0];
}
