/**
 * `npm test`: every test of the repository, one leg after the other.
 *
 *   node tools/test.mjs [esm] [cjs] [package]     all of them when none is named
 *
 * REQUIRE_ALL=1         a skipped test is a failure
 * COVERAGE=1            the ESM leg measures coverage and holds its thresholds
 * TEST_LIMIT_MINUTES    the whole run's limit, 60 by default: then what still runs is ended
 *
 * The last line is `tests: N passed, N failed` (and `, N skipped` where there are some).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureNest11 } from './nest11.mjs';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const coverage = process.env.COVERAGE === '1' ? ['--coverage'] : [];
const esmFlags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const requireAll = process.env.REQUIRE_ALL === '1';
const limitMs = Number(process.env.TEST_LIMIT_MINUTES ?? 60) * 60_000;
/** A finished run that does not end by itself within this time left something open. */
const lingerMs = 20_000;

const legs = {
  esm: {
    title: 'Nest 12, ES modules',
    config: 'test/jest.esm.config.mjs',
    flags: esmFlags,
    args: coverage,
  },
  cjs: { title: 'Nest 11, CommonJS', config: 'test/jest.cjs.config.mjs', flags: [] },
  package: { title: 'packed packages', config: 'test/jest.package.config.mjs', flags: esmFlags },
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in legs));
if (unknown.length > 0) {
  say(`no such tests: ${unknown.join(', ')} (${Object.keys(legs).join(', ')})`);
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-test-'));
const deadline = Date.now() + limitMs;
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skips = new Map();
let running;

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    end(running);
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  });
}

for (const [name, leg] of Object.entries(legs)) {
  if (chosen.length === 0 || chosen.includes(name)) await runLeg(name, leg);
}
rmSync(scratch, { recursive: true, force: true });
report();

async function runLeg(name, leg) {
  say(`\n── ${leg.title} ──`);
  const file = join(scratch, `${name}.json`);
  try {
    await prepare(name);
  } catch (error) {
    fail(`${leg.title}: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const args = [
    ...leg.flags,
    jest,
    '--config',
    leg.config,
    '--json',
    '--outputFile',
    file,
    ...(leg.args ?? []),
  ];
  const ending = await run(process.execPath, args, file);
  const before = total.failed;
  if (!count(file, leg.title)) fail(`${leg.title}: no result (${ending})`);
  else if (ending === 'hung')
    fail(`${leg.title}: something kept the process alive after the tests`);
  else if (ending !== 'code 0' && total.failed === before)
    fail(`${leg.title}: ended with ${ending}`);
}

/** What a leg needs before it can run. */
async function prepare(name) {
  if (name === 'cjs') ensureNest11();
  if (name !== 'package') return;
  const ending = await run(process.execPath, [join('tools', 'build.mjs')]);
  if (ending !== 'code 0') throw new Error(`the build ended with ${ending}`);
}

/** Adds a Jest report to the total. Returns whether there was one. */
function count(file, title) {
  let result;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
  total.passed += result.numPassedTests;
  total.skipped += result.numPendingTests + result.numTodoTests;
  for (const suite of result.testResults) {
    const place = `${title}: ${relative(root, suite.name)}`;
    const tests = suite.assertionResults;
    if (suite.status === 'failed' && !tests.some((test) => test.status === 'failed')) {
      fail(`${place} did not run`);
    }
    for (const test of tests) {
      if (test.status === 'failed') fail(`${place}: ${test.fullName}`);
      if (test.status === 'pending' || test.status === 'todo') noteSkip(place, test);
    }
  }
  return true;
}

/** Groups skipped tests by what they wait for: `[needs …]` in the title of a block. */
function noteSkip(place, test) {
  const hint = /\[(needs [^\]]+)\]/.exec(test.fullName)?.[1] ?? 'skipped in the source';
  const key = `${place}: ${hint}`;
  skips.set(key, (skips.get(key) ?? 0) + 1);
}

function fail(text) {
  total.failed += 1;
  failures.push(text);
}

function report() {
  say('');
  for (const [text, number] of skips) say(`skipped ${number}: ${text}`);
  if (requireAll && total.skipped > 0) {
    fail(`REQUIRE_ALL=1: ${total.skipped} tests were skipped`);
  }
  if (total.passed === 0) fail('no test passed');
  for (const text of failures) say(`failed: ${text}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  say(`tests: ${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

/**
 * Runs a program to its end, or ends it: at the limit of the whole run, or when it lingers after it
 * wrote its result. Resolves to 'code N', 'hung' or 'out of time'.
 */
function run(command, args, resultFile) {
  return new Promise((done) => {
    // A group of its own, so that the workers end with it.
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: process.platform !== 'win32',
    });
    running = child;
    let verdict;
    const watch = setInterval(() => {
      const wrote = resultFile ? writtenAt(resultFile) : 0;
      if (wrote > 0 && Date.now() - wrote > lingerMs) verdict = 'hung';
      else if (Date.now() > deadline) verdict = 'out of time';
      else return;
      end(child);
    }, 1000);
    const finish = (text) => {
      clearInterval(watch);
      running = undefined;
      done(verdict ?? text);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal ?? `code ${code}`));
  });
}

/** 0 while there is no result. */
function writtenAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function end(child) {
  if (child?.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
