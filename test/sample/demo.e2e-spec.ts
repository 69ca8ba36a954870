import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

/** The first start builds the packages and the sample. */
const buildMs = 300_000;
const startMs = 60_000;

interface Addresses {
  readonly ready: boolean;
  readonly shop: string;
  readonly emulator: string;
}

/** `node tools/demo.mjs` in a process group of its own. */
class Demo {
  private readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
  out = '';
  errors = '';

  constructor(settings: Record<string, string> = {}) {
    this.child = spawn(process.execPath, ['tools/demo.mjs'], {
      env: { ...process.env, SHOP_PORT: '0', EMULATOR_PORT: '0', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += String(chunk)));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.ended = new Promise((done) => {
      this.child.once('exit', (code, signal) => done(signal ?? code ?? -1));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The JSON line, once everything answers. */
  async ready(): Promise<Addresses> {
    const line = new Promise<string>((done) => {
      const look = () => {
        const end = this.out.indexOf('\n');
        if (end >= 0) done(this.out.slice(0, end));
      };
      this.child.stdout?.on('data', look);
      look();
    });
    const failed = this.ended.then((ending) => {
      throw new Error(`the demo ended with ${ending}: ${this.errors}`);
    });
    return JSON.parse(await Promise.race([line, failed])) as Addresses;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Whether any process of the demo is left. */
  isAlive(): boolean {
    try {
      return process.kill(-this.pid, 0);
    } catch {
      return false;
    }
  }

  destroy(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  }
}

async function within<T>(ms: number, what: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_done, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms} ms`)), ms);
  });
  return Promise.race([what, late]).finally(() => clearTimeout(timer));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 20));
}

/** The servers that a demo runs, by a part of their command line. */
function childOf(parent: number, part: string): number {
  for (const { pid, ppid, args } of processes()) {
    if (ppid === parent && args.includes(part)) return pid;
  }
  throw new Error(`${part} does not run`);
}

function processes(): { pid: number; ppid: number; args: string }[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString().split('\n');
    return lines.map((line) => {
      const [, pid, ppid, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return { pid: Number(pid), ppid: Number(ppid), args };
    });
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const ppid = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), ppid: Number(ppid), args }];
      } catch {
        return [];
      }
    });
}

describe('npm run demo', () => {
  const started: Demo[] = [];
  const start = (settings?: Record<string, string>): Demo => {
    const demo = new Demo(settings);
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
      await until(() => demo.out.includes('Ctrl-C'));
      expect(demo.out).toContain('打开商店');
      expect(demo.out).toContain('Open the shop');
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
      demo.kill(signal);
      expect(await within(2000, demo.ended)).toBe(0);
      expect(demo.isAlive()).toBe(false);
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
      await within(
        2000,
        until(() => !demo.isAlive()),
      );
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
      process.kill(childOf(demo.pid, file), 'SIGKILL');
      expect(await within(3000, demo.ended)).toBe(1);
      expect(demo.errors).toContain(`the ${name} ended with SIGKILL`);
      expect(demo.isAlive()).toBe(false);
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

    it.each(['SHOP_PORT', 'EMULATOR_PORT'])('says which variable to set: %s', async (name) => {
      const demo = start({ [name]: taken });
      expect(await demo.ended).toBe(1);
      expect(demo.errors).toContain(`port ${taken} is in use`);
      expect(demo.errors).toContain(`${name}=0 npm run demo`);
    });
  });
});
