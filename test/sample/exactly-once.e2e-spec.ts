import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ProgramRun } from '../support/program-run.js';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages and the sample. */
const limitMs = 300_000;

describeWithProgram('postgres', 'npm run demo:exactly-once', () => {
  let demo: ProgramRun;

  beforeEach(() => {
    const command = [process.execPath, 'tools/demo-exactly-once.mjs'];
    demo = new ProgramRun(command, { DATABASE_URL: undefined });
  });

  afterEach(() => demo.destroy());

  it(
    'credits an order exactly once though it is delivered many times and the shop is killed',
    async () => {
      expect({ ending: await demo.ended, errors: demo.errors }).toEqual({
        ending: 0,
        errors: expect.stringMatching(
          /middle of its transaction\.\n.*SIGKILL\. Credits in the database: 0\n[^]*credited exactly once/,
        ),
      });
      expect(demo.out).toMatch(/^\{[^\n]*\}\n$/);
      const result = JSON.parse(demo.out) as Readonly<Record<string, number>>;
      expect(result).toEqual({ orders: 1, deliveries: expect.any(Number), kills: 2, credits: 1 });
      expect(result['deliveries']).toBeGreaterThan(16);
      await until('all have ended', () => !demo.isLeft(), 5_000);
    },
    limitMs,
  );

  it(
    'leaves neither process nor folder on Ctrl-C',
    async () => {
      await until('an order is placed', () => /is placed|Error/.test(demo.errors), limitMs);
      demo.interrupt();
      expect(await demo.ended).toBe(0);
      await until('all have ended', () => !demo.isLeft(), 5_000);
      expect(demo.out).toBe('');
    },
    limitMs,
  );
});
