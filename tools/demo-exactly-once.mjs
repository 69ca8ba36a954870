/**
 * `npm run demo:exactly-once`: a shop on PostgreSQL, killed in the middle of its transaction, that
 * credits an order exactly once (sample/03-exactly-once).
 *
 *   DATABASE_URL    an empty database; by default a PostgreSQL is started, and gone at the end
 *
 * Installs and builds what is missing. The one line on stdout is JSON, the result; all other output
 * goes to stderr. The exit code is 1 when the order was not credited exactly once. Ctrl-C or SIGTERM
 * ends everything.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode } from './demo/checks.mjs';
import { exactlyOnce } from './demo/places.mjs';
import { build, install } from './demo/prepare.mjs';
import { DemoError, endWithNpm, isStopping, say, stop } from './demo/processes.mjs';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const quit = () => void stop(0);
let postgres;

for (const signal of signals) process.on(signal, quit);
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
endWithNpm(['demo:exactly-once', 'start'], () => process.kill(process.pid, 'SIGTERM'));

try {
  checkNode();
  await install();
  await build(exactlyOnce, '商店 the shop');
  if ((process.env.DATABASE_URL ?? '') === '') {
    const { startPostgres } = await import('./postgres.mjs');
    postgres = await startPostgres();
    process.env.DATABASE_URL = postgres.url;
  }
} catch (error) {
  if (!isStopping()) {
    say(error instanceof DemoError ? `demo: ${error.message}` : error.stack);
    await stop(1);
  }
}

if (!isStopping()) {
  // From here on the sample decides what a signal means.
  for (const signal of signals) process.off(signal, quit);
  await import(pathToFileURL(join(exactlyOnce, 'dist', 'main.js')).href);
  await postgres?.close();
}
