/**
 * `npm run bench [-- GROUP…] [-- --quick] [-- --strict] [-- --out FILE]`
 *
 * A group is a file in `groups/` that exports `run({ quick, parties, progress })` and answers
 * `{ rows, targets }`. Without a name every group runs. `--quick` is a smoke test, not a
 * measurement; `--strict` ends with 1 when a target is missed; `--out` names the file of the results,
 * `bench/results.json` by default.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { killAll } from './support/children.mjs';
import { makeParties } from './support/keys.mjs';
import { prepare } from './support/prepare.mjs';
import { describeMachine, printRows, printTargets, shorten, versions } from './support/report.mjs';

const RESULTS = fileURLToPath(new URL('results.json', import.meta.url));
const OWN = new URL('node_modules/', import.meta.url);
const ROOT = new URL('../node_modules/', import.meta.url);
const MEASURED = [
  ['undici', ROOT],
  ['@nestjs/core', ROOT],
  ['ioredis', ROOT],
  ['etcd3', ROOT],
  ['pg', ROOT],
  ['bullmq', ROOT],
  ['wechatpay-axios-plugin', OWN],
  ['wechatpay-node-v3', OWN],
];

process.on('exit', killAll);
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    out: { type: 'string', default: RESULTS },
  },
});
const known = readdirSync(new URL('groups/', import.meta.url))
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => name.slice(0, -'.mjs'.length));
const unknown = positionals.filter((name) => !known.includes(name));

if (options.list) {
  console.log(known.join('\n'));
} else if (unknown.length > 0) {
  console.error(`bench: no group ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  await main(positionals.length > 0 ? positionals : known).catch((error) => {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  });
}

async function main(groups) {
  await prepare();
  const machine = describeMachine();
  const measured = versions(MEASURED);
  const startedAt = new Date();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`);
  console.log(
    Object.entries(measured)
      .map((pair) => pair.join(' '))
      .join(', '),
  );
  if (machine.loadAtStart > machine.cores / 2) {
    console.log(`The machine is busy (load ${machine.loadAtStart}): do not rely on these figures.`);
  }
  const parties = await makeParties();
  const rows = [];
  const targets = [];
  for (const group of groups) {
    const { run } = await import(`./groups/${group}.mjs`);
    const result = await run({ quick: options.quick, parties, progress });
    rows.push(...result.rows.map((row) => ({ group, ...row })));
    targets.push(...result.targets.map((target) => ({ group, ...target })));
  }
  progress('');
  printRows(rows, console.log);
  printTargets(targets, console.log);
  const seconds = Math.round((Date.now() - startedAt) / 1e3);
  console.log(`\n${seconds} s${options.quick ? '; a quick run: these figures mean little' : ''}`);
  const results = {
    measuredAt: startedAt.toISOString(),
    quick: options.quick,
    machine,
    versions: measured,
    rows: shorten(rows),
    targets: shorten(targets),
  };
  writeFileSync(options.out, `${JSON.stringify(results, null, 2)}\n`);
  if (options.strict && targets.some(({ met }) => !met)) process.exitCode = 1;
}

/** One line that is written over on a terminal; nothing elsewhere. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
