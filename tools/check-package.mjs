/**
 * Checks what would be published: packs both packages and looks at the tarballs.
 *
 *   node tools/check-package.mjs [--keep FOLDER]     needs a build; --keep leaves the tarballs there
 *
 * - the files in it: all that a user needs and nothing else, the same modules in both kinds
 * - every package that its code or its declarations import is declared
 * - publint, and the types of every entry under every resolver (are-the-types-wrong)
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { pack, packages, root } from './pack.mjs';

const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
/** Packed size above which something is in the package that should not be. */
const sizeLimit = 1_500_000;
/** What may be there besides the modules of dist/. */
const plainFiles = /^(?:package\.json|LICENSE|README(?:\.zh-CN)?\.md|CHANGELOG\.md)$/;
const moduleFile = /^dist\/(?:esm|cjs)\/.+\.(?:js|d\.ts)$/;
const assetFile = /^dist\/(?:esm|cjs)\/.+\.(?:json|html|css|svg|ya?ml)$/;
const testFile = /(?:\.spec\.|\.e2e-spec\.|__tests__|\/test\/|\/fixtures\/)/;

const keep = process.argv[2] === '--keep' ? process.argv[3] : undefined;
const folder = keep ? resolve(keep) : mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-pack-'));
mkdirSync(folder, { recursive: true });

let problems = 0;
try {
  for (const place of packages) await check(place);
} finally {
  if (!keep) rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(problems === 0 ? 'packages: all clean\n' : `packages: ${problems} problems\n`);
process.exitCode = problems === 0 ? 0 : 1;

async function check(place) {
  const manifest = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
  const packed = pack(place, folder);
  const tarball = join(folder, packed.filename);
  const kilobytes = Math.round(packed.size / 1024);
  process.stdout.write(`${packed.id}: ${packed.files.length} files, ${kilobytes} kB packed\n`);
  checkFiles(manifest, packed);
  checkImports(manifest, place, packed);
  await checkPublint(manifest, tarball);
  checkTypes(manifest, tarball);
}

function problem(name, text) {
  problems += 1;
  process.stdout.write(`  ${name}: ${text}\n`);
}

function checkFiles({ name, main, module, types, bin = {} }, packed) {
  const files = packed.files.map((file) => file.path);
  const needed = [main, module, types, ...Object.values(bin)].map((path) => path.replace('./', ''));
  for (const path of [...needed, 'package.json', 'LICENSE', 'README.md']) {
    if (!files.includes(path)) problem(name, `${path} is missing`);
  }
  for (const path of files) {
    const known = plainFiles.test(path) || moduleFile.test(path) || assetFile.test(path);
    if (!known) problem(name, `${path} does not belong in the package`);
    if (testFile.test(path)) problem(name, `${path} looks like a test`);
  }
  for (const path of Object.values(bin)) {
    const mode = packed.files.find((file) => file.path === path.replace('./', ''))?.mode ?? 0;
    if ((mode & 0o111) === 0) problem(name, `${path} is not executable`);
  }
  if (packed.size > sizeLimit) problem(name, `${packed.size} bytes packed, more than ${sizeLimit}`);
  const modules = (kind) =>
    files.filter((path) => path.startsWith(`dist/${kind}/`)).map((path) => path.slice(9));
  const [esm, cjs] = [modules('esm'), modules('cjs')];
  for (const path of esm.filter((one) => !cjs.includes(one)))
    problem(name, `dist/cjs lacks ${path}`);
  for (const path of cjs.filter((one) => !esm.includes(one)))
    problem(name, `dist/esm lacks ${path}`);
}

/** Code and declarations import what the manifest declares, Node's own modules, and each other. */
function checkImports(manifest, place, packed) {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  const files = packed.files.map((file) => file.path);
  for (const path of files.filter((file) => moduleFile.test(file))) {
    const text = readFileSync(join(place, path), 'utf8');
    const found = ts.preProcessFile(text, true, true);
    const names = [...found.importedFiles, ...found.typeReferenceDirectives];
    for (const { fileName } of names) {
      if (fileName.startsWith('.')) {
        const target = new URL(fileName, `file:///${path}`).pathname.slice(1);
        // a declaration needs the declaration beside it: the code may have been joined
        const needed = /\.d\.[cm]?ts$/.test(path) ? target.replace(/\.js$/, '.d.ts') : target;
        if (!files.includes(needed))
          problem(manifest.name, `${path} imports ${fileName}: not there`);
        continue;
      }
      if (fileName.startsWith('node:') || builtinModules.includes(fileName)) continue;
      const owner = fileName
        .split('/')
        .slice(0, fileName.startsWith('@') ? 2 : 1)
        .join('/');
      if (!(owner in declared)) problem(manifest.name, `${path} imports ${owner}: not declared`);
    }
  }
}

async function checkPublint(manifest, tarball) {
  const data = readFileSync(tarball);
  const copy = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const { messages } = await publint({
    pack: { tarball: copy },
    level: 'suggestion',
    strict: true,
  });
  for (const message of messages) {
    problem(manifest.name, `publint: ${formatMessage(message, manifest, { color: false })}`);
  }
}

function checkTypes(manifest, tarball) {
  const args = [attw, tarball, '--format', 'ascii', '--no-emoji', '--no-color'];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (result.status === 0) return;
  problem(manifest.name, `types:\n${result.stdout}${result.stderr}`);
}
