import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Runs in the repository's root, as every script of ours does. */
export const root = process.cwd();
const fixtures = join(root, 'test', 'package', 'fixtures');
const commandLimitMs = 150_000;

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** An application in a folder of its own, with the packed packages installed. */
export interface Installed {
  readonly folder: string;
  /** Runs Node there and gives what it printed. */
  node(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Runs this repository's TypeScript compiler there. */
  tsc(args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Copies a fixture out of the repository, so that nothing resolves to its sources, and installs it
 * with both tarballs.
 *
 * @param manifest folder with the `package.json` and lock file to install by
 */
export async function install(fixture: string, manifest: string): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), `nestjs wechatpay ${fixture} `));
  cpSync(join(fixtures, 'shared'), folder, { recursive: true });
  cpSync(join(fixtures, fixture), folder, { recursive: true });
  copyFileSync(join(manifest, 'package-lock.json'), join(folder, 'package-lock.json'));
  copyFileSync(join(root, '.npmrc'), join(folder, '.npmrc'));
  const own = readManifest(manifest);
  // the optional peers that subpaths import: the others take a client of the application's
  for (const peer of ['node-forge', 'bullmq', 'ioredis', '@opentelemetry/api']) {
    own.dependencies[peer] = readManifest(root).devDependencies?.[peer] ?? '';
  }
  for (const tarball of JSON.parse(process.env['PACKAGE_TARBALLS'] ?? '[]') as string[]) {
    copyFileSync(tarball, join(folder, basename(tarball)));
    own.dependencies[basename(tarball).replace(/-\d.*$/, '')] = `file:./${basename(tarball)}`;
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...flags, '--loglevel=error'], folder);
  const node: Installed['node'] = (args, env = {}) => run(process.execPath, args, folder, env);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const typeRoots = join(root, 'node_modules', '@types');
  return {
    folder,
    node,
    tsc: (args) => node([tsc, '--typeRoots', typeRoots, ...args]),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Output of a program; its failure is an error that shows all it printed. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = {
    cwd,
    env: { ...inherited(), ...env },
    timeout: commandLimitMs,
    maxBuffer: 50_000_000,
    shell: process.platform === 'win32' && command === 'npm',
  };
  return new Promise((done, fail) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else fail(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

/** The last line of what a program printed, as JSON. */
export function lastLine(printed: string): unknown {
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '');
}

/** The first line that the installed emulator's command prints; the command is ended then. */
export async function firstLineOfCommand(app: Installed, keysDir: string): Promise<unknown> {
  const command = join(app.folder, 'node_modules', '.bin', 'nestjs-wechatpay-emulator');
  const child = spawn(command, ['--port', '0', '--json', '--keys-dir', keysDir], {
    cwd: app.folder,
    env: inherited(),
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: commandLimitMs,
  });
  const ended = once(child, 'exit');
  try {
    for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
    throw new Error('the command printed nothing');
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** Our environment without what a surrounding npm or Jest put there for its own script. */
export function inherited(): NodeJS.ProcessEnv {
  const own =
    /^(?:NODE_OPTIONS|NODE_ENV|JEST_.*|npm_(?:package|lifecycle|command).*|npm_config_(?:local_prefix|prefix|workspace.*))$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
