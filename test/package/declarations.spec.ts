import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { root } from './install.js';

interface Manifest {
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** Every declaration file that an entry reaches, with the packages that it imports. */
function reach(entry: string, seen = new Map<string, readonly string[]>()): typeof seen {
  if (seen.has(entry)) return seen;
  const found = ts.preProcessFile(readFileSync(entry, 'utf8'), true, true);
  const names = found.importedFiles.map((file) => file.fileName);
  const references = found.typeReferenceDirectives.map((file) => file.fileName);
  seen.set(entry, [...references, ...names.filter((name) => !name.startsWith('.'))]);
  for (const name of names.filter((one) => one.startsWith('.'))) {
    const target = join(dirname(entry), name.replace(/\.js$/, '.d.ts'));
    if (!existsSync(target)) throw new Error(`${entry} imports ${name}, which is not there`);
    reach(target, seen);
  }
  return seen;
}

const packageOf = (name: string) =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

describe.each([
  ['nestjs-wechatpay', '.'],
  ['nestjs-wechatpay-emulator', 'emulator'],
])('the declarations of %s', (_name, place) => {
  const manifest = JSON.parse(readFileSync(join(root, place, 'package.json'), 'utf8')) as Manifest;
  const required = Object.keys(manifest.peerDependencies).filter(
    (name) => manifest.peerDependenciesMeta?.[name]?.optional !== true,
  );

  it.each(['esm', 'cjs'])('import required peers and Node only (%s)', (kind) => {
    const entry = join(root, place, 'dist', kind, 'index.d.ts');
    const foreign = [...reach(entry)].flatMap(([file, names]) =>
      names
        .filter((name) => !name.startsWith('node:') && !required.includes(packageOf(name)))
        .map((name) => `${relative(root, file)}: ${name}`),
    );
    expect(foreign).toEqual([]);
  });
});
