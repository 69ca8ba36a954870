import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { Child } from '../../support/children.mjs';
import { median } from '../../support/stats.mjs';
import { atLeast } from '../../support/targets.mjs';

const CONCURRENCY = 64;

/** Our signatures, all cores, beside what `openssl speed` makes of one core. */
export async function signing({ parties, settings, progress }) {
  if (opensslSignsPerSecond(1) === undefined) {
    progress('');
    console.log('openssl is not installed: signing is left out');
    return { rows: [], targets: [] };
  }
  const signer = await Child.start('workers/signer.mjs', 'signing');
  const rounds = [];
  try {
    await signer.ask('start', parties);
    await signer.ask('sign', { durationMs: settings.warmUpMs, concurrency: CONCURRENCY });
    for (let round = 0; round < settings.callRounds; round++) {
      progress(`signing, round ${round + 1} of ${settings.callRounds}`);
      const durationMs = settings.callsMs;
      const ours = await signer.ask('sign', { durationMs, concurrency: CONCURRENCY });
      const oneCore = opensslSignsPerSecond(Math.max(1, Math.round(durationMs / 1e3)));
      rounds.push({ ours, oneCore, ratio: ours / (cpus().length * oneCore) });
    }
  } finally {
    await signer.stop();
  }
  const part = 'signatures of RSA-2048';
  const middle = (figure) => median(rounds.map((one) => one[figure]));
  return {
    rows: [
      { part, name: 'nestjs-wechatpay, 64 at a time', requestsPerSecond: middle('ours') },
      { part, name: 'openssl speed, one core', requestsPerSecond: middle('oneCore') },
    ],
    targets: [atLeast('signing, × cores × openssl speed', middle('ratio'), 0.85)],
  };
}

/** `undefined` when the program is missing. */
function opensslSignsPerSecond(seconds) {
  const args = ['speed', '-mr', '-seconds', String(seconds), 'rsa2048'];
  const { stdout } = spawnSync('openssl', args, { encoding: 'utf8', timeout: 60_000 });
  const [, text] = /^\+F2:\d+:2048:([\d.e-]+):/m.exec(stdout ?? '') ?? [];
  if (text === undefined) return undefined;
  // older versions print the seconds of one, newer ones how many a second
  const figure = Number(text);
  return figure < 1 ? 1 / figure : figure;
}
