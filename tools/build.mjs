/**
 * Builds both packages twice, as ES modules (dist/esm) and as CommonJS (dist/cjs). The library's
 * code is then put into one file a kind (see docs/adr/0010): an application waits for every file that
 * an import has to find. Its declarations stay as the compiler wrote them.
 *
 *   node tools/build.mjs [lib] [emulator]      both when none is named
 *
 * A package is built beside its old output and swapped in when all of it is there: a failed build
 * leaves the last good one alone.
 */
import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const packages = { lib: root, emulator: join(root, 'emulator') };
const kinds = [
  { folder: 'esm', config: 'tsconfig.build.json', type: 'module' },
  { folder: 'cjs', config: 'tsconfig.build.cjs.json', type: 'commonjs' },
];
const scriptMode = 0o755;
/** Packages whose code is bundled, and what finds their entries: the root and every subpath export. */
const bundled = { lib: async (folder) => ['index', ...(await storeEntries(folder))] };

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in packages));
if (unknown.length > 0) {
  process.stderr.write(`build: no such package: ${unknown.join(', ')} (lib, emulator)\n`);
  process.exit(2);
}

try {
  for (const name of Object.keys(packages)) {
    if (names.length === 0 || names.includes(name)) await build(name, packages[name]);
  }
} catch (error) {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function build(name, folder) {
  const started = Date.now();
  if (!(await exists(join(folder, 'lib', 'index.ts')))) {
    throw new Error(`${join(folder, 'lib', 'index.ts')} is missing`);
  }
  const scratch = join(folder, 'node_modules', '.cache', `build-${process.pid}`);
  const next = join(scratch, 'dist');
  try {
    await mkdir(next, { recursive: true });
    await Promise.all(kinds.map((kind) => compile(folder, kind, join(next, kind.folder))));
    if (name in bundled) await bundle(next, await bundled[name](join(folder, 'lib')));
    await swap(next, join(folder, 'dist'), join(scratch, 'old'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  process.stdout.write(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

/** One kind: compiler, folder marker, assets, executables. */
async function compile(folder, kind, out) {
  await run(process.execPath, [tsc, '-p', join(folder, kind.config), '--outDir', out]);
  const marker = { type: kind.type, sideEffects: false };
  await writeFile(join(out, 'package.json'), `${JSON.stringify(marker)}\n`);
  await copyAssets(join(folder, 'lib'), out);
  await makeExecutable(folder, kind, out);
}

/**
 * Puts the code of all modules into the entries, in place; what entries share becomes chunks. Both
 * kinds are made from the ES modules, so that they hold the same code.
 */
async function bundle(dist, entries) {
  const build = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, join(dist, 'esm', `${entry}.js`)])),
    external: (id) => !/^[./]/.test(id),
    treeshake: false,
    onwarn: (warning) => {
      // the compiler's decorator helper looks for an earlier one at the top level's `this`
      if (warning.code !== 'THIS_IS_UNDEFINED') throw new Error(`bundling: ${warning.message}`);
    },
  });
  for (const file of await readdir(dist, { recursive: true })) {
    if (file.endsWith('.js')) await rm(join(dist, file));
  }
  for (const { folder } of kinds) {
    await build.write({
      dir: join(dist, folder),
      format: folder,
      dynamicImportInCjs: false, // `require`, which Jest can load without a flag
      chunkFileNames: 'shared-[name].js', // no hash: both kinds have the same files
    });
  }
  await build.close();
}

/** `stores/<backend>/index` for every folder of stores/ that has one. */
async function storeEntries(lib) {
  const backends = await readdir(join(lib, 'stores')).catch(() => []);
  const entries = [];
  for (const backend of backends.sort()) {
    const entry = `stores/${backend}/index`;
    if (await exists(join(lib, `${entry}.ts`))) entries.push(entry);
  }
  return entries;
}

/** Everything in lib/ that is not TypeScript (pages, style sheets, data) keeps its place. */
async function copyAssets(source, target) {
  await cp(source, target, {
    recursive: true,
    filter: (path) => !/\.[cm]?tsx?$/.test(path) && !/[\\/](?:\.DS_Store|README\.md)$/.test(path),
  });
}

/** The files of `bin` are started by the system: they need the execute bit and a `#!` line. */
async function makeExecutable(folder, kind, out) {
  const { bin = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = typeof bin === 'string' ? [bin] : Object.values(bin);
  for (const file of files) {
    const [, place, path] = /^\.?\/?dist\/(\w+)\/(.+)$/.exec(file) ?? [];
    if (place !== kind.folder) continue;
    const target = join(out, path);
    if (!(await exists(target))) continue;
    const code = await readFile(target, 'utf8');
    if (!code.startsWith('#!')) await writeFile(target, `#!/usr/bin/env node\n${code}`);
    await chmod(target, scriptMode);
  }
}

/** Two renames: readers see the old output or the new one. */
async function swap(next, target, old) {
  if (await exists(target)) await rename(target, old);
  await rename(next, target);
}

async function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function run(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', fail);
    child.once('exit', (code, signal) =>
      code === 0 ? done() : fail(new Error(`tsc ended with ${signal ?? `code ${code}`}`)),
    );
  });
}
