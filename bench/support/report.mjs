import { readFileSync } from 'node:fs';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { tidy } from './stats.mjs';

/** Figures of a row, in the order of the table's columns. */
const COLUMNS = {
  requestsPerSecond: ['requests/s', 0],
  handledPerSecond: ['handled/s', 0],
  p50Ms: ['p50 ms', 2],
  p99Ms: ['p99 ms', 2],
  cpuMicros: ['CPU µs/request', 0],
  cpuShare: ['CPUs busy', 2],
  loopDelayP99Ms: ['loop delay p99 ms', 2],
  importMs: ['import ms', 1],
  calls: ['calls', 0],
  failed: ['failed', 0],
  notifications: ['notifications', 0],
  refused: ['refused', 0],
  downloads: ['downloads', 0],
  rotationMs: ['ms each', 0],
  pairs: ['of pairs', 3],
  medians: ['of medians', 3],
  micros: ['median µs', 2],
  slowMicros: ['p99 µs', 2],
  medianMs: ['median ms', 0],
  slowestMs: ['slowest ms', 0],
  seconds: ['seconds', 1],
  kilobytes: ['KB each', 1],
  residentKilobytes: ['resident KB each', 1],
  timers: ['timers', 0],
  failedPercent: ['failed %', 2],
  longestMs: ['longest ms', 0],
  switchMs: ['switch ms', 0],
  attemptsPerCall: ['attempts/call', 2],
  normalAfterMs: ['normal after ms', 0],
  grownMegabytes: ['MB grown', 2],
  residentGrownMegabytes: ['resident MB grown', 1],
};

export function describeMachine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.version,
    loadAtStart: tidy(loadavg()[0]),
  };
}

/** Versions of what is measured, as installed: `[['undici', folder], …]` → `{ undici: '7.…' }`. */
export function versions(packages) {
  return Object.fromEntries(
    packages.map(([name, folder]) => {
      const manifest = new URL(`${name}/package.json`, folder);
      return [name, JSON.parse(readFileSync(manifest, 'utf8')).version];
    }),
  );
}

/** Figures shortened for the file; names, limits and verdicts as they are. */
export function shorten(rows) {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([key, value]) => [key, tidy(value)])),
  );
}

export function printRows(rows, print) {
  for (const part of new Set(rows.map((row) => row.part))) {
    const members = rows.filter((row) => row.part === part);
    const columns = Object.entries(COLUMNS).filter(([key]) => members.some((row) => key in row));
    const cells = members.map((row) => [
      row.name,
      ...columns.map(([key, [, decimals]]) => row[key]?.toFixed(decimals) ?? ''),
    ]);
    print(`\n${part}`);
    printTable([['', ...columns.map(([, [title]]) => title)], ...cells], print);
  }
}

export function printTargets(targets, print) {
  print('\ntargets');
  const cells = targets.map(({ name, figure, limit, met }) => [
    name,
    String(Number(figure.toPrecision(3))),
    String(limit),
    met ? 'met' : 'MISSED',
  ]);
  printTable([['', 'figure', 'limit', ''], ...cells], print);
}

function printTable(lines, print) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines) {
    const padded = line.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    );
    print(`  ${padded.join('   ')}`.trimEnd());
  }
}
