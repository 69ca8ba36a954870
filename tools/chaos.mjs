/**
 * `npm run chaos`: orders are paid and notified to four shops, several times each, at once, in any order
 * and some forged, while shops are killed and what they share restarts; then the orders are counted.
 *
 *   --seed N          what happens; a random one by default. Processes interleave as they like
 *   --orders N        20000 by default
 *   --mode postgres   each order is credited in the transaction that claims its event; the default
 *   --mode queue      a worker credits it, from a queue in Redis (needs redis-server)
 *   --minutes N       the limit of the whole run, 15 by default
 *
 * Builds what is missing. The last line is JSON, the result:
 *
 *   lost, doubled        orders that were not credited, or more than once
 *   taken                genuine deliveries that were answered 204
 *   forged               deliveries with a bad signature: half of them probes, half tampered with
 *   refused, accepted    of these
 *   rejected, givenUp    genuine deliveries that were refused, or never taken
 *   resent               deliveries that came again as they had not been taken
 *
 * and of `--mode queue`
 *
 *   byKill, byRestart    doubled orders whose handler had ended, and whose process was killed, or Redis
 *                        restarted, within three seconds, before the inbox knew of it
 *   runs                 handlers that ended; all other notifications taken were known as duplicates
 *   foreign, dead        credits that fit no order; jobs that were given up on
 *
 * The exit code is 1 when an order was lost, a forged delivery accepted, or a genuine one refused; when
 * one was doubled, in `--mode queue` for no such reason; when there is anything foreign or dead.
 */
import { parseArgs } from 'node:util';
import { checkNode } from './demo/checks.mjs';
import { buildPackages, install } from './demo/prepare.mjs';
import { DemoError, endWithNpm, isStopping, say, stop } from './demo/processes.mjs';

const modes = ['postgres', 'queue'];
const ending = [];

/** Ends everything, the shops first. */
async function finish(code) {
  // They may be in the midst of something; they are used to that.
  setTimeout(() => void stop(code), 5_000).unref();
  await Promise.allSettled(ending.splice(0).map((end) => end()));
  await stop(code);
}

function settings() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      orders: { type: 'string', default: '20000' },
      mode: { type: 'string', default: 'postgres' },
      minutes: { type: 'string', default: '15' },
    },
  });
  const whole = (name, least, most) => {
    const number = /^\d{1,10}$/.test(values[name]) ? Number(values[name]) : NaN;
    if (number >= least && number <= most) return number;
    throw new DemoError(`--${name} is a whole number from ${least} to ${most}`);
  };
  if (!modes.includes(values.mode)) throw new DemoError(`--mode is one of ${modes.join(', ')}`);
  return {
    seed: whole('seed', 0, 2 ** 32 - 1),
    orders: whole('orders', 1, 1_000_000),
    minutes: whole('minutes', 1, 600),
    mode: values.mode,
  };
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => void finish(code));
}
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
endWithNpm('chaos', () => process.kill(process.pid, 'SIGTERM'));

try {
  checkNode();
  const { minutes, ...chosen } = settings();
  await install();
  await buildPackages();
  const limit = setTimeout(() => {
    say(`chaos: not finished within ${minutes} minutes (seed ${chosen.seed})`);
    void finish(1);
  }, minutes * 60_000);
  const { run } = await import('./chaos/run.mjs');
  const { result, isGood } = await run(chosen, (end) => ending.push(end));
  clearTimeout(limit);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await finish(isGood ? 0 : 1);
} catch (error) {
  if (!isStopping()) {
    const isUsage = error instanceof DemoError || error.code?.startsWith('ERR_PARSE_ARGS');
    say(isUsage ? `chaos: ${error.message}` : error.stack);
    await finish(1);
  }
}
