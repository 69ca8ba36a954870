import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { transformFile } from '@swc/core';
import { parseCli } from '../../emulator/lib/cli-options.js';
import { version } from '../../emulator/lib/version.js';

const root = process.cwd();

/** Compiles the emulator where its packages can be found, as the build would. */
async function compile(target: string): Promise<void> {
  const source = join(root, 'emulator', 'lib');
  const files = await readdir(source, { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const { code } = await transformFile(join(source, file), {
      swcrc: false,
      module: { type: 'es6' },
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        keepClassNames: true,
      },
    });
    const path = join(target, file.replace(/\.ts$/, '.js'));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, code);
  }
  await writeFile(join(target, 'package.json'), '{"type":"module"}');
}

describe('The command', () => {
  let compiled: string;
  let keys: string;

  beforeAll(async () => {
    await mkdir(join(root, 'node_modules', '.cache'), { recursive: true });
    compiled = await mkdtemp(join(root, 'node_modules', '.cache', 'emulator-cli-'));
    keys = await mkdtemp(join(tmpdir(), 'emulator-cli-'));
    await compile(compiled);
  });

  afterAll(async () => {
    await rm(compiled, { recursive: true, force: true });
    await rm(keys, { recursive: true, force: true });
  });

  function run(...args: string[]): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [join(compiled, 'cli.js'), ...args], {
      env: { ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: keys },
    });
  }

  async function finish(
    child: ChildProcessWithoutNullStreams,
  ): Promise<{ code: number | null; out: string; err: string }> {
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out, err };
  }

  function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      child.once('exit', () => reject(new Error(`ended early: ${text}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
    });
  }

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'prints one line of JSON first, answers, and ends on %s',
    async (signal) => {
      const child = run('--port', '0', '--json');
      const facts = JSON.parse(await firstLine(child)) as Record<string, string>;
      expect(Object.keys(facts)).toEqual([
        'url',
        'appid',
        'mchid',
        'apiV3Key',
        'merchantSerial',
        'merchantPrivateKeyPath',
        'merchantCertificatePath',
        'platformSerial',
        'platformCertificatePath',
        'publicKeyId',
        'publicKeyPath',
      ]);
      const text = (name: string) => readFile(facts[name] ?? '', 'utf8');
      const certificate = new X509Certificate(await text('merchantCertificatePath'));
      expect(certificate.serialNumber).toBe(facts['merchantSerial']);
      expect(
        certificate.checkPrivateKey(createPrivateKey(await text('merchantPrivateKeyPath'))),
      ).toBe(true);
      const platform = new X509Certificate(await text('platformCertificatePath'));
      expect(platform.serialNumber).toBe(facts['platformSerial']);
      expect(await text('publicKeyPath')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
      expect((await fetch(`${facts['url']}/v3/certificates`)).status).toBe(400 + 1);

      const started = performance.now();
      child.removeAllListeners('exit');
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      expect(await ended).toBe(0);
      expect(performance.now() - started).toBeLessThan(1000);
    },
  );

  it('prints text for people without --json', async () => {
    const child = run('--mode', 'public-key');
    expect(await firstLine(child)).toMatch(
      /^WeChat Pay emulator at http:\/\/127\.0\.0\.1:\d+ \(mode public-key\)/,
    );
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  });

  it('says what it can do and which version it is', async () => {
    const help = await finish(run('--help'));
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const option of ['--port', '--mode', '--scale', '--keys-dir', '--json', '--version']) {
      expect(help.out).toContain(option);
    }
    expect((await finish(run('--version'))).out).toBe(`${version}\n`);
    const manifest = JSON.parse(await readFile(join(root, 'emulator', 'package.json'), 'utf8'));
    expect(manifest.version).toBe(version);
  });

  it('ends with 2 on a wrong argument', async () => {
    const wrong = await finish(run('--colour'));
    expect(wrong).toMatchObject({ code: 2, out: '' });
    expect(wrong.err).toContain('Usage:');
  });

  it('says in one sentence that its port is taken, and how to go on', async () => {
    const taken = run('--json');
    try {
      const { url = '' } = JSON.parse(await firstLine(taken)) as Record<string, string>;
      const { port } = new URL(url);
      expect(await finish(run('--port', port))).toEqual({
        code: 1,
        out: '',
        err:
          `nestjs-wechatpay-emulator: port ${port} of 127.0.0.1 is in use (EADDRINUSE); ` +
          'use --port 0 or another port\n',
      });
    } finally {
      taken.removeAllListeners('exit');
      taken.kill('SIGTERM');
    }
  });

  it('reads its arguments', () => {
    expect(
      parseCli([
        '--port',
        '8080',
        '--mode',
        'both',
        '--scale',
        '0.01',
        '--keys-dir',
        'k',
        '--json',
      ]),
    ).toEqual({
      emulator: { port: 8080, mode: 'both', scale: 0.01, keysDir: 'k' },
      json: true,
      help: false,
      version: false,
    });
    expect(parseCli([]).emulator).toEqual({});
    for (const args of [
      ['--port', 'x'],
      ['--port', '-1'],
      ['--mode', 'all'],
      ['--scale', ''],
      ['extra'],
    ]) {
      expect(() => parseCli(args)).toThrow();
    }
  });
});
