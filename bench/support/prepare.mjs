import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockBuild } from '../../tools/demo/build-lock.mjs';
import { productUrl } from './product.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bench = join(root, 'bench');
const built = fileURLToPath(productUrl);

/** Installs what is missing and builds the package when its sources are newer. */
export async function prepare() {
  install(root, 'the repository');
  install(bench, 'the peers that are measured');
  const unlock = await lockBuild();
  try {
    if (isStale()) run('building the package', [join(root, 'tools', 'build.mjs'), 'lib'], root);
  } finally {
    await unlock();
  }
  if (modified(built) === 0) throw new Error(`the build made no ${built}`);
}

function install(directory, what) {
  const installed = modified(join(directory, 'node_modules', '.package-lock.json'));
  // In the root only absence counts: whoever changes the lock installs by himself there.
  const wanted = directory === root ? 1 : modified(join(directory, 'package-lock.json'));
  if (installed >= wanted) return;
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-fund', '--no-audit', '--loglevel=error'];
  if (npm) run(`installing ${what}`, [npm, ...args], directory);
  else run(`installing ${what}`, args, directory, 'npm');
}

function isStale() {
  const sources = [
    ...readdirSync(join(root, 'lib'), { recursive: true }).map((name) => join(root, 'lib', name)),
    join(root, 'package.json'),
    join(root, 'tsconfig.json'),
    join(root, 'tsconfig.build.json'),
    join(root, 'tools', 'build.mjs'),
  ];
  return sources.some((source) => modified(source) > modified(built));
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function run(what, args, cwd, command = process.execPath) {
  process.stderr.write(`bench: ${what}\n`);
  // The shell finds npm.cmd on Windows; all arguments are constants.
  const shell = command !== process.execPath && process.platform === 'win32';
  const { status, error } = spawnSync(command, args, {
    cwd,
    shell,
    stdio: ['ignore', 2, 2],
    timeout: 300_000,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${what} failed with status ${status}`);
}
