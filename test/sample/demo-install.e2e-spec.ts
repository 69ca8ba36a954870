import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const packages = { 'node_modules/tea': { version: '1.0.0' } };
const lock = (found: object) => JSON.stringify({ lockfileVersion: 3, packages: found });

/** Says what it was asked, then fails: nothing is installed, and the demo ends there. */
const fakeNpm = `#!${process.execPath}
require('node:fs').appendFileSync(__dirname + '/asked', process.argv.slice(2).join(' ') + '\\n');
process.exit(7);
`;

describe('The demo, before it starts anything', () => {
  let root: string;
  let bin: string;

  /** The demo in a repository with one dependency and nothing to build. */
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-demo-'));
    bin = join(root, 'bin');
    cpSync('tools/demo.mjs', join(root, 'tools', 'demo.mjs'));
    cpSync('tools/demo', join(root, 'tools', 'demo'), { recursive: true });
    mkdirSync(bin);
    writeFileSync(join(bin, 'npm'), fakeNpm, { mode: 0o755 });
    writeFileSync(join(root, 'package.json'), '{}');
    writeFileSync(join(root, 'package-lock.json'), lock(packages));
  });

  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function installed(found: Readonly<Record<string, { readonly version: string }>>): void {
    mkdirSync(join(root, 'node_modules'));
    for (const path of Object.keys(found)) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'package.json'), '{}');
    }
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), lock(found));
  }

  function demo() {
    const env = { ...process.env, SHOP_PORT: '0', EMULATOR_PORT: '0' };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'tools', 'demo.mjs')],
      {
        env: { ...env, npm_execpath: '', PATH: [bin, process.env['PATH']].join(delimiter) },
        encoding: 'utf8',
        timeout: 15_000,
      },
    );
    const asked = join(bin, 'asked');
    return { status, stdout, stderr, asked: existsSync(asked) ? readFileSync(asked, 'utf8') : '' };
  }

  const install = 'install --include=dev --no-save --no-audit --no-fund\n';

  it.each<[string, () => void]>([
    ['nothing is installed', () => {}],
    ['a package is missing', () => installed({})],
    [
      'a package is of another version',
      () => installed({ 'node_modules/tea': { version: '0.9.0' } }),
    ],
    [
      'an installation was not finished',
      () => {
        installed(packages);
        writeFileSync(join(root, 'node_modules', '.demo-installing'), '');
      },
    ],
  ])('asks npm to install when %s, and says so when npm fails', (_, prepare) => {
    prepare();
    expect(demo()).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('npm install ended with code 7'),
      asked: install,
    });
  });

  it('asks npm for nothing when all is there', () => {
    installed(packages);
    const { status, stderr, asked } = demo();
    expect(asked).toBe('');
    expect(status).toBe(1);
    expect(stderr).toContain('the build ended with');
  });
});
