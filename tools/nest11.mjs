/**
 * Puts the Nest 11 install tree of the CommonJS test leg in place: nothing to do when it is there
 * and not older than its lock file.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const tree = resolve(fileURLToPath(new URL('../test/nest11', import.meta.url)));
const installLimitMs = 300_000;

/** Installs the tree when it is missing or out of date. Returns whether it installed. */
export function ensureNest11() {
  const lock = changedAt(join(tree, 'package-lock.json'));
  const installed = changedAt(join(tree, 'node_modules', '.package-lock.json'));
  if (installed >= lock) return false;
  process.stdout.write('installing Nest 11 for the CommonJS tests (test/nest11)\n');
  execFileSync('npm', ['ci', '--prefix', tree, '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: tree,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: installLimitMs,
    shell: process.platform === 'win32',
  });
  return true;
}

/** 0 for a file that is not there. */
function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) ensureNest11();
