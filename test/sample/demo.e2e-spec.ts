import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePorts } from '../support/ports.js';
import { until } from '../support/servers.js';
import { Demo } from './running-demo.js';

/** The first start builds the packages and the sample. */
const buildMs = 300_000;
const startMs = 60_000;

describe('npm run demo', () => {
  const started: Demo[] = [];
  const start = (settings?: Record<string, string>, command?: readonly string[]): Demo => {
    const demo = new Demo(settings, command);
    started.push(demo);
    return demo;
  };

  beforeAll(async () => {
    const demo = start();
    await demo.ready();
    demo.kill('SIGTERM');
    await demo.ended;
  }, buildMs);

  afterEach(() => {
    for (const demo of started.splice(0)) demo.destroy();
  });

  it(
    'says where the shop and the emulator are, once both answer',
    async () => {
      const demo = start();
      const { ready, shop, emulator } = await demo.ready();
      expect(ready).toBe(true);
      const products = await fetch(`${shop}/products`);
      expect(await products.json()).toEqual(
        expect.arrayContaining([expect.objectContaining({ sku: 'tea' })]),
      );
      expect((await fetch(`${shop}/health`)).status).toBe(200);
      expect((await fetch(`${emulator}/emulator/`)).status).toBe(200);
      expect(demo.out.split('\n')[0]).toBe(JSON.stringify({ ready, shop, emulator }));
      await until('it says how to end it', () => demo.out.includes('Ctrl-C'));
      expect(demo.out).toContain('打开商店');
      expect(demo.out).toContain('Open the shop');
    },
    startMs,
  );

  it(
    'listens where SHOP_PORT and EMULATOR_PORT say',
    async () => {
      const [shop, emulator] = await freePorts();
      const demo = start({ SHOP_PORT: String(shop), EMULATOR_PORT: String(emulator) });
      expect(await demo.ready()).toEqual({
        ready: true,
        shop: `http://127.0.0.1:${shop}`,
        emulator: `http://127.0.0.1:${emulator}`,
      });
    },
    startMs,
  );

  it.each<[string, number, (demo: Demo) => void]>([
    ['is interrupted', 2000, (demo) => demo.interrupt()],
    ['is told to end', 2000, (demo) => demo.kill('SIGTERM')],
    // nobody tells us: that npm has gone is looked for once in a while
    ['is killed', 8000, (demo) => demo.kill('SIGKILL')],
  ])(
    'starts through npm, and leaves no process when npm %s, within %d ms',
    async (_, withinMs, end) => {
      const demo = start({}, ['npm', 'run', '--silent', 'demo']);
      const { shop } = await demo.ready();
      expect((await fetch(`${shop}/products`)).status).toBe(200);
      end(demo);
      await until('all have ended', () => !demo.isLeft(), withinMs);
    },
    startMs,
  );

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends everything within two seconds on %s, with an open page',
    async (signal) => {
      const demo = start();
      const { shop } = await demo.ready();
      const order = await fetch(`${shop}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sku: 'tea', quantity: 1 }),
      });
      const { outTradeNo } = (await order.json()) as { outTradeNo: string };
      const page = await fetch(`${shop}/orders/${outTradeNo}/events`);
      const asked = performance.now();
      demo.kill(signal);
      expect(await demo.ended).toBe(0);
      expect(performance.now() - asked).toBeLessThan(2000);
      expect(demo.processes()).toEqual([]);
      await page.body?.cancel().catch(() => undefined);
      await expect(fetch(shop)).rejects.toThrow();
    },
    startMs,
  );

  it(
    'leaves nothing behind when it is killed',
    async () => {
      const demo = start();
      await demo.ready();
      demo.kill('SIGKILL');
      await demo.ended;
      await until('all have ended', () => !demo.isLeft(), 5000);
    },
    startMs,
  );

  it.each([
    ['shop', 'main.js'],
    ['emulator', 'cli.js'],
  ])(
    'ends with a message when the %s dies',
    async (name, file) => {
      const demo = start();
      await demo.ready();
      process.kill(demo.processOf(file), 'SIGKILL');
      expect(await demo.ended).toBe(1);
      expect(demo.errors).toContain(`the ${name} ended with SIGKILL`);
      expect(demo.processes()).toEqual([]);
    },
    startMs,
  );

  it.each([
    ['SHOP_PORT', 'http'],
    ['SHOP_PORT', '65536'],
    ['SHOP_PORT', '-1'],
    ['EMULATOR_PORT', '80.5'],
    ['EMULATOR_PORT', '0x50'],
  ])('refuses %s=%s', async (name, value) => {
    const demo = start({ [name]: value });
    expect(await demo.ended).toBe(1);
    expect(demo.errors).toContain(`${name} must be a port from 0 to 65535, not "${value}"`);
    expect(demo.out).toBe('');
  });

  it('refuses one port for both', async () => {
    const demo = start({ SHOP_PORT: '4321', EMULATOR_PORT: '4321' });
    expect(await demo.ended).toBe(1);
    expect(demo.errors).toContain('both are 4321');
  });

  describe('with a port that is taken', () => {
    let other: Server;
    let taken: string;

    beforeAll(async () => {
      other = createServer();
      await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
      taken = String((other.address() as AddressInfo).port);
    });

    afterAll(() => {
      other.close();
    });

    it.each(['SHOP_PORT', 'EMULATOR_PORT'])(
      'says which variable to set, and nothing more: %s',
      async (name) => {
        const demo = start({ [name]: taken });
        expect(await demo.ended).toBe(1);
        const [reason, remedy, command, ...more] = demo.errors.split('\n');
        expect(reason).toBe(`demo: 端口 ${taken} 已被占用；port ${taken} is in use.`);
        expect(remedy).toContain(`set ${name} to another port, or to 0 for a free one:`);
        expect(command?.trim()).toBe(`${name}=0 npm run demo`);
        expect([more, demo.out]).toEqual([[''], '']);
      },
    );
  });
});
