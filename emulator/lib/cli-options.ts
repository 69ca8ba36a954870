import { parseArgs } from 'node:util';
import type { WechatPayEmulatorOptions } from './emulator.options.js';
import type { EmulatorMode } from './keys/platform-keys.js';

/** What the command line asks for. @internal */
export interface CliOptions {
  readonly emulator: WechatPayEmulatorOptions;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** Printed by `--help`. @internal */
export const usage = `Usage: nestjs-wechatpay-emulator [options]

A local WeChat Pay APIv3 platform on 127.0.0.1. For development and tests only.

Options:
  --port <number>    port to listen on; 0 takes a free one (default 0)
  --mode <mode>      certificates | public-key | both (default both)
  --scale <number>   multiplies the intervals between re-sends of a notification (default 1)
  --keys-dir <dir>   where keys are kept (default: a folder in your cache folder)
  --json             print one line of JSON instead of text
  --help             print this and exit
  --version          print the version and exit
`;

const modes: readonly EmulatorMode[] = ['certificates', 'public-key', 'both'];

/** @throws {TypeError} saying what is wrong with the arguments @internal */
export function parseCli(args: readonly string[]): CliOptions {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      port: { type: 'string' },
      mode: { type: 'string' },
      scale: { type: 'string' },
      'keys-dir': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', short: 'v', default: false },
    },
  });
  const mode = modes.find((known) => known === values.mode);
  if (values.mode !== undefined && mode === undefined) {
    throw new TypeError(`--mode must be one of ${modes.join(', ')}`);
  }
  const port = readNumber('--port', values.port);
  const scale = readNumber('--scale', values.scale);
  const keysDir = values['keys-dir'];
  return {
    emulator: {
      ...(port !== undefined && { port }),
      ...(mode !== undefined && { mode }),
      ...(scale !== undefined && { scale }),
      ...(keysDir !== undefined && { keysDir }),
    },
    json: values.json,
    help: values.help,
    version: values.version,
  };
}

function readNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+(?:\.\d+)?$/.test(value)) throw new TypeError(`${name} must be a number`);
  return Number(value);
}
