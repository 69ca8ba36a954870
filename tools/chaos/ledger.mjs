/** What handlers have done: a file for each process, of which a kill takes nothing away. */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const LINE = /^(\S+) (\d+) (\d+)$/;
/**
 * How long it may take from the end of a handler until the inbox knows of it: two seconds for Redis, and
 * one for the disk.
 */
const TELLS_WITHIN_MS = 3_000;

/**
 * The file of this process.
 *
 * @returns `{ write(no, fen), close() }`; what is written is on the disk when it resolves
 */
export async function openLedger(folder) {
  const file = await open(join(folder, `${process.pid}-${Date.now()}`), 'ax');
  return {
    async write(no, fen) {
      await file.write(`${no} ${fen} ${Date.now()}\n`);
      await file.datasync();
    },
    close: () => file.close(),
  };
}

/** Every completion in the files of a folder: `{ no, fen, atMs, pid }`. */
export async function readLedgers(folder) {
  const files = await readdir(folder);
  const read = files.map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8');
    const pid = Number(name.split('-', 1)[0]);
    // the last line may have been cut off
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => {
      const [, no, fen, atMs] = LINE.exec(line) ?? [];
      return { no, fen: Number(fen), atMs: Number(atMs), pid };
    });
  });
  return (await Promise.all(read)).flat();
}

/**
 * Compares what was done with what was ordered.
 *
 * @param kills `{ pid, atMs }` of the shops
 * @param restarts `{ fromMs, toMs }` of the backend
 * @returns `{ runs, lost, doubled, byKill, byRestart, foreign }`: `lost` and `foreign` are numbers of
 * orders, the others are counts. A handler whose process was killed, or whose Redis was away, before the
 * inbox knew that it had ended runs again: `byKill` and `byRestart` count the doubled orders where each
 * repetition is explained so, `doubled` counts all
 */
export function countUp({ orders, completions, kills, restarts }) {
  const fenOf = new Map(orders.map(({ no, fen }) => [no, fen]));
  const runs = new Map(orders.map(({ no }) => [no, []]));
  const foreign = [];
  for (const completion of completions) {
    const { no, fen } = completion;
    if (fenOf.get(no) === fen) runs.get(no).push(completion);
    else foreign.push(no);
  }
  const isByKill = ({ pid, atMs }) =>
    kills.some((kill) => kill.pid === pid && isWithin(atMs, kill.atMs, kill.atMs));
  const isByRestart = ({ atMs }) =>
    restarts.some(({ fromMs, toMs }) => isWithin(atMs, fromMs, toMs));
  const found = { doubled: 0, byKill: 0, byRestart: 0 };
  for (const several of runs.values()) {
    if (several.length < 2) continue;
    found.doubled += 1;
    // the last one is what the others should have kept from happening
    const repeated = several.sort((one, other) => one.atMs - other.atMs).slice(0, -1);
    if (repeated.every(isByKill)) found.byKill += 1;
    else if (repeated.every((one) => isByKill(one) || isByRestart(one))) found.byRestart += 1;
  }
  const lost = orders.filter(({ no }) => runs.get(no).length === 0).map(({ no }) => no);
  return { runs: completions.length, lost, ...found, foreign };
}

function isWithin(atMs, fromMs, toMs) {
  return atMs >= fromMs - TELLS_WITHIN_MS && atMs <= toMs + TELLS_WITHIN_MS;
}
