/**
 * What the resilience layer costs when nothing fails: the layer around work that does nothing, less
 * that work. The layer is no public part of the package, so it is compiled from its sources.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { answer } from '../support/rpc.mjs';

const root = new URL('../../', import.meta.url);
const output = new URL('bench/.build/', root);
const path = (url) => fileURLToPath(url);
const CONCURRENCY = 64;
const ANSWER = { status: 200 };

let transport;
let call;

/** Ends in a later turn, as every attempt does. */
function bare() {
  return Promise.resolve(ANSWER).then((answer) => answer);
}

function layered() {
  const { Deadline, runCall } = transport;
  const { resilience, admission, plan } = call;
  const deadline = new Deadline(10_000, undefined, plan.attemptTimeoutMs);
  return (async () => {
    const waiting = admission.enter(deadline);
    if (waiting) await waiting;
    try {
      return await runCall(resilience, { ...plan, deadline }, bare);
    } finally {
      admission.leave();
      deadline.dispose();
    }
  })();
}

async function cpuMicros(work, count) {
  const before = process.cpuUsage();
  const lane = async () => {
    for (let made = 0; made < count / CONCURRENCY; made++) await work();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

answer({
  async start() {
    const tsc = path(new URL('node_modules/typescript/bin/tsc', root));
    const options = '--module nodenext --target es2022 --skipLibCheck --ignoreConfig';
    const source = path(new URL('lib/transport/index.ts', root));
    const args = [...options.split(' '), '--rootDir', path(new URL('lib', root)), '--outDir'];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...args, path(output), source], {
      cwd: path(root),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tsc: ${stdout}`);
    transport = await import(new URL('transport/index.js', output).href);
    rmSync(path(output), { recursive: true, force: true });
    const { Admission, createProcessBulkhead, Hosts, RetryBudget } = transport;
    const random = Math.random;
    call = {
      resilience: { hosts: new Hosts(random), budget: new RetryBudget(), random },
      admission: new Admission({ maxConcurrency: 128, maxQueue: 256 }, createProcessBulkhead()),
      plan: {
        origins: ['https://a.example', 'https://b.example'],
        isRepeatable: true,
        maxRetries: 2,
        attemptTimeoutMs: 1_500,
      },
    };
  },
  async measure({ count }) {
    return { bare: await cpuMicros(bare, count), layered: await cpuMicros(layered, count) };
  },
});
