import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ProgramRun } from '../support/program-run.js';
import { describeWithProgram } from '../support/requires.js';
import { until } from '../support/servers.js';

/** The first start builds the packages and the sample. */
const buildMs = 300_000;
const runMs = 120_000;

describe('npm run demo:fleet', () => {
  const started: ProgramRun[] = [];
  const start = (settings: Record<string, string>): ProgramRun => {
    const fleet = new ProgramRun([process.execPath, 'tools/demo-fleet.mjs'], settings);
    started.push(fleet);
    return fleet;
  };
  const underLoad = (fleet: ProgramRun): Promise<void> =>
    until('orders are paid', () => /\d s +[1-9]\d* +0 /.test(fleet.errors), runMs);

  beforeAll(async () => {
    const fleet = start({ STORE: 'dir', SECONDS: '5' });
    const isUp = (): boolean => fleet.errors.includes('all three are up');
    await until('the fleet is built and up', isUp, buildMs);
    fleet.kill('SIGTERM');
    await fleet.ended;
  }, buildMs);

  afterEach(() => {
    for (const fleet of started.splice(0)) fleet.destroy();
  });

  /** The whole story on one store, which is stopped and started again in it. */
  const runStory = async (store: 'redis' | 'etcd', name: string): Promise<void> => {
    const fleet = start({ STORE: store, SECONDS: '8' });
    const code = await fleet.ended;
    expect(fleet.errors).toContain('no customer noticed');
    expect(code).toBe(0);
    expect(fleet.out).toMatch(/^\{[^\n]*\}\n$/);
    const result = JSON.parse(fleet.out) as Record<string, number>;
    expect(Object.keys(result)).toEqual([
      'orders',
      'paid',
      'failedCalls',
      'refusedNotifications',
      'platformRotations',
      'merchantRotations',
      'downloads',
    ]);
    expect(result).toMatchObject({
      paid: result['orders'],
      failedCalls: 0,
      refusedNotifications: 0,
      platformRotations: 4,
      merchantRotations: 3,
    });
    expect(result['orders']).toBeGreaterThan(50);
    // One at the start, one a rotation, and two more while the store was away.
    expect(result['downloads']).toBeGreaterThanOrEqual(7);
    expect(result['downloads']).toBeLessThanOrEqual(9);
    for (const line of [
      'killed with SIGKILL',
      `${name.padEnd(10)}stopped`,
      'is revoked',
      'up again',
    ]) {
      expect(fleet.errors).toContain(line);
    }
    expect(fleet.processes()).toEqual([]);
    expect(fleet.leftovers()).toEqual([]);
  };

  describeWithProgram('etcd', 'on one etcd', () => {
    it(
      'rotates, kills and stops under load, and nobody notices',
      () => runStory('etcd', 'etcd'),
      runMs,
    );
  });

  describeWithProgram('redis-server', 'on one Redis', () => {
    it(
      'rotates, kills and stops under load, and nobody notices',
      () => runStory('redis', 'Redis'),
      runMs,
    );

    it(
      'ends within two seconds on Ctrl-C, and leaves neither process nor key',
      async () => {
        const fleet = start({ STORE: 'redis' });
        await underLoad(fleet);
        expect(fleet.processes()).toHaveLength(6); // itself, three shops, Redis and its guard
        const asked = performance.now();
        fleet.interrupt();
        expect(await fleet.ended).toBe(0);
        expect(performance.now() - asked).toBeLessThan(2000);
        await until('all have ended', () => fleet.processes().length === 0, 2000);
        expect(fleet.leftovers()).toEqual([]);
        expect(fleet.out).toBe('');
      },
      runMs,
    );

    it(
      'leaves neither process nor key when it is killed',
      async () => {
        const fleet = start({ STORE: 'redis' });
        await underLoad(fleet);
        fleet.kill('SIGKILL');
        await until('all have ended', () => fleet.processes().length === 0, 5000);
        expect(fleet.leftovers()).toEqual([]);
      },
      runMs,
    );
  });

  it(
    'says so and ends when a shop dies that should not',
    async () => {
      const fleet = start({ STORE: 'dir' });
      await underLoad(fleet);
      process.kill(fleet.processOf('shop/main.js'), 'SIGKILL');
      expect(await fleet.ended).toBe(1);
      expect(fleet.errors).toMatch(/shop \d .*ended with SIGKILL/);
      expect(fleet.processes()).toEqual([]);
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  it.each([
    [{ SECONDS: '4' }, 'SECONDS is a whole number from 5 to 600, not "4"'],
    [{ SECONDS: '601' }, 'from 5 to 600'],
    [{ SECONDS: '1e2' }, 'from 5 to 600'],
    [{ STORE: 'mysql' }, 'STORE=redis|etcd|dir, not "mysql"'],
    [{ STORE: 'redis', PATH: '' }, 'apt-get install redis-server, or take STORE=dir'],
    [{ STORE: 'etcd', PATH: '' }, 'apt-get install etcd-server, or take STORE=dir'],
  ])(
    'refuses %j and names the remedy',
    async (settings, words) => {
      const fleet = start(settings);
      expect(await fleet.ended).toBe(1);
      expect(fleet.errors).toContain(words);
      expect(fleet.out).toBe('');
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  it(
    'takes a folder where neither server is installed, and says so',
    async () => {
      const fleet = start({ PATH: '' });
      await until('it begins', () => fleet.errors.includes('Ctrl-C'), runMs);
      expect(fleet.errors).toContain('redis-server and etcd are not installed');
      expect(fleet.errors).toContain('on one folder');
      fleet.kill('SIGTERM');
      expect(await fleet.ended).toBe(0);
      expect(fleet.leftovers()).toEqual([]);
    },
    runMs,
  );

  afterAll(() => {
    for (const fleet of started.splice(0)) fleet.destroy();
  });
});
