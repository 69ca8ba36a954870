// Writes lib/api from tools/spec.
//
//   node tools/generate.mjs             writes what changed, removes what is no longer generated
//   node tools/generate.mjs --check     writes nothing; ends with 1 when lib/api is not what the data says
//   --spec <folder>, --out <folder>     other folders than tools/spec and lib/api
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadSpec } from './generate/load.mjs';
import { buildModel } from './generate/model.mjs';
import { headerStart, render } from './generate/render.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Generated files that are in the folder now, with their text; files written by hand are not ours. */
function readGenerated(folder) {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'));
  const entries = files.map((name) => [
    name.replaceAll('\\', '/'),
    readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n'),
  ]);
  return new Map(entries.filter(([, text]) => text.startsWith(headerStart)));
}

function main() {
  const { values } = parseArgs({
    options: { check: { type: 'boolean' }, spec: { type: 'string' }, out: { type: 'string' } },
  });
  const out = values.out ?? join(root, 'lib', 'api');
  const wanted = render(buildModel(loadSpec(values.spec ?? join(root, 'tools', 'spec'))));
  const present = readGenerated(out);
  const changed = [...wanted].filter(([name, text]) => present.get(name) !== text);
  const gone = [...present.keys()].filter((name) => !wanted.has(name));
  if (values.check) {
    const stale = [...changed.map(([name]) => name), ...gone];
    if (stale.length === 0) return;
    throw new Error(`lib/api is stale, run "npm run generate": ${stale.join(', ')}`);
  }
  for (const [name, text] of changed) {
    mkdirSync(dirname(join(out, name)), { recursive: true });
    writeFileSync(join(out, name), text);
  }
  for (const name of gone) rmSync(join(out, name));
  process.stdout.write(`${wanted.size} files, ${changed.length} written, ${gone.length} removed\n`);
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
