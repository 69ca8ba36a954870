/**
 * `npm run demo:fleet`: three shops on one Redis or etcd, whose keys rotate under load
 * (sample/02-many-processes).
 *
 *   SECONDS    how long, 5 to 600; 30 by default
 *   STORE      redis, etcd or dir; the first of them that is there by default
 *
 * Installs and builds what is missing. The one line on stdout is JSON, the result; all other output
 * goes to stderr. The exit code is 1 when a call failed or a notification was lost. Ctrl-C or SIGTERM
 * ends everything.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode } from './demo/checks.mjs';
import { fleet } from './demo/places.mjs';
import { build, install } from './demo/prepare.mjs';
import { DemoError, endWithNpm, isStopping, say, stop } from './demo/processes.mjs';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const quit = () => void stop(0);

for (const signal of signals) process.on(signal, quit);
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
endWithNpm(['demo:fleet', 'start'], () => process.kill(process.pid, 'SIGTERM'));

try {
  checkNode();
  await install();
  await build(fleet, '商店 the shops');
} catch (error) {
  if (!isStopping()) {
    say(error instanceof DemoError ? `demo: ${error.message}` : error.stack);
    await stop(1);
  }
}

if (!isStopping()) {
  // From here on the sample decides what a signal means.
  for (const signal of signals) process.off(signal, quit);
  await import(pathToFileURL(join(fleet, 'dist', 'main.js')).href);
}
