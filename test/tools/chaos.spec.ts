import { afterEach, describe, expect, it } from '@jest/globals';
import { ProgramRun } from '../support/program-run.js';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages. */
const limitMs = 300_000;

const FIGURES = [
  ...['seed', 'mode', 'orders', 'deliveries', 'resent', 'lost', 'doubled', 'forged', 'refused'],
  ...['accepted', 'rejected', 'givenUp', 'kills', 'restarts', 'seconds', 'taken'],
];

const started: ProgramRun[] = [];
function start(
  args: readonly string[],
  settings: Readonly<Record<string, string | undefined>> = {},
): ProgramRun {
  const chaos = new ProgramRun([process.execPath, 'tools/chaos.mjs', ...args], settings);
  started.push(chaos);
  return chaos;
}

/** The result of a run that holds. */
async function resultOf(chaos: ProgramRun): Promise<Readonly<Record<string, number>>> {
  const ending = await chaos.ended;
  expect({ ending, errors: chaos.errors }).toMatchObject({ ending: 0 });
  return JSON.parse(chaos.out.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>;
}

afterEach(() => {
  for (const chaos of started.splice(0)) chaos.destroy();
});

/** Ends that nobody chooses, and what the run then ends with. */
const ENDS = [
  ['on Ctrl-C', (chaos: ProgramRun) => chaos.interrupt(), 130],
  ['when it is killed', (chaos: ProgramRun) => chaos.kill('SIGKILL'), 'SIGKILL'],
] as const;
async function assertNothingStays(
  mode: string,
  end: (chaos: ProgramRun) => void,
  expected: number | string,
): Promise<void> {
  const chaos = start(['--mode', mode]);
  await until('it delivers', () => /deliveries|Error/.test(chaos.errors), limitMs);
  end(chaos);
  expect(await chaos.ended).toBe(expected);
  await until('all have ended', () => !chaos.isLeft(), 10_000);
  expect(chaos.out).toBe('');
}

describeWithProgram('postgres', 'npm run chaos', () => {
  it(
    'credits every order once though a shop is killed and PostgreSQL restarts, and leaves nothing',
    async () => {
      const chaos = start(['--seed', '4', '--orders', '300']);
      const result = await resultOf(chaos);
      expect(Object.keys(result)).toEqual(FIGURES);
      expect(result).toMatchObject({
        ...{ seed: 4, mode: 'postgres', orders: 300, kills: 1, restarts: 1 },
        ...{ lost: 0, doubled: 0, accepted: 0, rejected: 0, givenUp: 0 },
        refused: result['forged'],
      });
      expect(result['deliveries']).toBeGreaterThan(1000);
      expect(result['resent']).toBeGreaterThan(0);
      expect(result['forged']).toBeGreaterThan(0);
      await until('all have ended', () => !chaos.isLeft(), 5_000);
    },
    limitMs,
  );

  it.each(ENDS)(
    'leaves neither process nor folder %s',
    (_, end, expected) => assertNothingStays('postgres', end, expected),
    limitMs,
  );
});

describeWithProgram('redis-server', 'npm run chaos -- --mode queue', () => {
  it(
    'handles every order though a shop is killed and Redis restarts, and leaves nothing',
    async () => {
      const chaos = start(['--mode', 'queue', '--seed', '4', '--orders', '300']);
      const result = await resultOf(chaos);
      const { deliveries = 0, forged = 0, doubled, byKill = 0, byRestart = 0, runs } = result;
      expect(Object.keys(result)).toEqual([
        ...FIGURES,
        ...['byKill', 'byRestart', 'runs', 'foreign', 'dead'],
      ]);
      expect(result).toMatchObject({
        ...{ seed: 4, mode: 'queue', orders: 300, kills: 1, restarts: 1 },
        ...{ lost: 0, accepted: 0, rejected: 0, givenUp: 0, foreign: 0, dead: 0 },
        ...{ refused: forged, taken: deliveries - forged },
      });
      // what had ended when its process was killed, and no duplicate beside
      expect(doubled).toBe(byKill + byRestart);
      expect(runs).toBeLessThan(330);
      expect(deliveries).toBeGreaterThan(1000);
      expect(forged).toBeGreaterThan(0);
      await until('all have ended', () => !chaos.isLeft(), 5_000);
    },
    limitMs,
  );

  it.each(ENDS)(
    'leaves neither process nor folder %s',
    (_, end, expected) => assertNothingStays('queue', end, expected),
    limitMs,
  );
});

describe('npm run chaos', () => {
  it.each([
    [['--mode', 'mysql'], '--mode is one of postgres, queue'],
    [['--orders', '0'], '--orders is a whole number from 1 to'],
    [['--seed', '1e3'], '--seed is a whole number from 0 to'],
    [['--sed', '1'], "Unknown option '--sed'"],
  ])('refuses %j and says what there is', async (args, words) => {
    const chaos = start(args);
    expect(await chaos.ended).toBe(1);
    expect(chaos.errors).toContain(words);
    expect(chaos.out).toBe('');
  });

  it(
    'says what to install where redis-server is missing',
    async () => {
      const chaos = start(['--mode', 'queue', '--orders', '1'], { PATH: '' });
      expect(await chaos.ended).toBe(1);
      expect(chaos.errors).toContain('redis-server is not installed: apt-get install redis-server');
      expect(chaos.out).toBe('');
      expect(chaos.isLeft()).toBe(false);
    },
    limitMs,
  );
});
