import { afterEach, expect, it } from '@jest/globals';
import { ProgramRun } from '../support/program-run.js';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages. */
const limitMs = 300_000;

describeWithProgram('postgres', 'npm run chaos', () => {
  const started: ProgramRun[] = [];
  const start = (...args: readonly string[]): ProgramRun => {
    const chaos = new ProgramRun([process.execPath, 'tools/chaos.mjs', ...args]);
    started.push(chaos);
    return chaos;
  };

  afterEach(() => {
    for (const chaos of started.splice(0)) chaos.destroy();
  });

  it(
    'credits every order once though a shop is killed and PostgreSQL restarts, and leaves nothing',
    async () => {
      const chaos = start('--seed', '4', '--orders', '300');
      const ending = await chaos.ended;
      const last = chaos.out.trimEnd().split('\n').at(-1) ?? '';
      expect({ ending, errors: chaos.errors }).toMatchObject({ ending: 0 });
      const result = JSON.parse(last) as Readonly<Record<string, number>>;
      expect(Object.keys(result)).toEqual([
        ...['seed', 'mode', 'orders', 'deliveries', 'resent', 'lost', 'doubled'],
        ...['forged', 'refused', 'accepted', 'rejected', 'givenUp', 'kills', 'restarts', 'seconds'],
      ]);
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

  it.each([
    ['on Ctrl-C', (chaos: ProgramRun) => chaos.interrupt(), 130],
    ['when it is killed', (chaos: ProgramRun) => chaos.kill('SIGKILL'), 'SIGKILL'],
  ] as const)(
    'leaves neither process nor folder %s',
    async (_, end, expected) => {
      const chaos = start('--orders', '100000');
      await until('it delivers', () => /deliveries|Error/.test(chaos.errors), limitMs);
      end(chaos);
      expect(await chaos.ended).toBe(expected);
      await until('all have ended', () => !chaos.isLeft(), 10_000);
      expect(chaos.out).toBe('');
    },
    limitMs,
  );

  it.each([
    [['--mode', 'mysql'], '--mode is one of postgres'],
    [['--orders', '0'], '--orders is a whole number from 1 to'],
    [['--seed', '1e3'], '--seed is a whole number from 0 to'],
    [['--sed', '1'], "Unknown option '--sed'"],
  ])('refuses %j and says what there is', async (args, words) => {
    const chaos = start(...args);
    expect(await chaos.ended).toBe(1);
    expect(chaos.errors).toContain(words);
    expect(chaos.out).toBe('');
  });
});
