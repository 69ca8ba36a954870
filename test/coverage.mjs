import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
/** Generated code, lists of exports, and the file that the command starts (run by its own test). */
const leftOut = /^lib\/api\/|\/index\.ts$|^emulator\/lib\/cli\.ts$/;

/**
 * The files that coverage counts. A file of nothing but types is left out: it is never loaded, and V8
 * would count each of its lines as not reached.
 */
export function sourcesWithCode() {
  return ['lib', 'emulator/lib']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`),
    )
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !leftOut.test(path) && hasCode(path));
}

function hasCode(path) {
  const { code } = transformSync(readFileSync(join(root, path), 'utf8'), {
    swcrc: false,
    minify: true,
    module: { type: 'es6' },
    jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } },
  });
  return (
    code
      .replace(/\/\*[^]*?\*\//g, '')
      .replace(/export\s*\{\s*\};?/g, '')
      .trim() !== ''
  );
}
