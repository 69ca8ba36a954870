/** Dependencies and builds: only what is missing or old. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockBuild } from './build-lock.mjs';
import { root, sample } from './places.mjs';
import { DemoError, run, say } from './processes.mjs';

const modules = join(root, 'node_modules');
/** What npm has installed; it is written last. */
const installed = join(modules, '.package-lock.json');
/** What is built of the packages, last. */
const packageSources = [
  join(root, 'dist', 'esm', 'index.js'),
  join(root, 'emulator', 'dist', 'esm', 'cli.js'),
];

/** Installs the dependencies unless all of them are there. */
export async function install() {
  const unfinished = join(modules, '.demo-installing');
  const isHalf = existsSync(unfinished) || (existsSync(modules) && !existsSync(installed));
  if (!isHalf && isInstalled()) return;
  if (isHalf) {
    // npm takes a package whose unpacking was interrupted for a whole one.
    say('demo: 上次安装没有完成，重新开始；the last installation was not finished, starting over.');
    await rm(modules, { recursive: true, force: true, maxRetries: 3 });
  }
  say('demo: 正在安装依赖… installing dependencies…');
  await mkdir(modules, { recursive: true });
  await writeFile(unfinished, '');
  const args = ['install', '--include=dev', '--no-save', '--no-audit', '--no-fund'];
  const cli = process.env.npm_execpath ?? '';
  const ending = /npm-cli\.c?js$/.test(cli)
    ? await run(process.execPath, [cli, ...args])
    : await run('npm', args, process.platform === 'win32');
  if (ending !== 'code 0') {
    throw new DemoError(`安装依赖失败；npm install ended with ${ending}, see above.`);
  }
  await rm(unfinished, { force: true });
}

/** Whether everything that the lock file asks for is there. */
function isInstalled() {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const found = packagesIn(installed);
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, link, optional }]) => {
    if (!path.includes('node_modules/') || optional === true) return true;
    if (!existsSync(join(root, path, 'package.json'))) return false;
    return link === true || found[path]?.version === version;
  });
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Builds the packages and a sample, each when a source is newer than what was built of it. One
 * process at a time: two demonstrations may start together.
 */
export async function build(folder = sample, title = '商店 the shop') {
  await alone(async () => {
    await compilePackages();
    const shop = ['src', 'package.json', 'tsconfig.json'].map((path) => join(folder, path));
    if (isOlder([join(folder, 'dist', 'main.js')], [...shop, ...packageSources])) {
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      await compile(title, [tsc, '-p', folder]);
    }
  });
}

/** Builds the packages when a source is newer than what was built of it. */
export async function buildPackages() {
  await alone(compilePackages);
}

async function alone(work) {
  const unlock = await lockBuild();
  try {
    await work();
  } finally {
    await unlock();
  }
}

async function compilePackages() {
  const sources = [
    ...['lib', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'tools/build.mjs'],
    ...['emulator/lib', 'emulator/package.json', 'emulator/tsconfig.build.json'],
  ].map((path) => join(root, path));
  if (isOlder(packageSources, sources)) {
    await compile('两个包 the packages', [join(root, 'tools', 'build.mjs')]);
  }
}

async function compile(what, args) {
  say(`demo: 正在构建 building: ${what}…`);
  const ending = await run(process.execPath, args);
  if (ending !== 'code 0')
    throw new DemoError(`构建失败；the build ended with ${ending}, see above.`);
}

function isOlder(outputs, sources) {
  const built = outputs.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(...sources.map(newest)) > Math.min(...built);
}

/** The latest change in a file or a folder; a folder's own time tells what was deleted. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
