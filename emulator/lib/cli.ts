#!/usr/bin/env node
import 'reflect-metadata';
import { resolve } from 'node:path';
import { parseCli, usage, type CliOptions } from './cli-options.js';
import { WechatPayEmulator } from './emulator.js';
import { version } from './version.js';

/** How long a shutdown may take before the process ends anyway. */
const patienceMs = 900;

void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const options = read(args);
  if (options === undefined) return;
  if (options.help || options.version) {
    process.stdout.write(options.help ? usage : `${version}\n`);
    return;
  }
  try {
    const emulator = await WechatPayEmulator.start(options.emulator);
    endOnSignal(emulator);
    process.stdout.write(
      options.json ? `${JSON.stringify(describe(emulator))}\n` : greet(emulator),
    );
  } catch (error) {
    const reason = startFailure(error, options.emulator.port);
    process.stderr.write(`nestjs-wechatpay-emulator: ${reason}\n`);
    process.exitCode = 1;
  }
}

function read(args: readonly string[]): CliOptions | undefined {
  try {
    return parseCli(args);
  } catch (error) {
    process.stderr.write(`nestjs-wechatpay-emulator: ${messageOf(error)}\n\n${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

/** What `--json` prints. */
function describe(emulator: WechatPayEmulator): object {
  const [merchant] = emulator.merchants;
  const { publicKey, platformCertificate } = emulator;
  return {
    url: emulator.url,
    appid: emulator.appid,
    mchid: emulator.mchid,
    apiV3Key: emulator.apiV3Key,
    merchantSerial: merchant?.serial,
    merchantPrivateKeyPath: absolute(merchant?.privateKeyPath),
    merchantCertificatePath: absolute(merchant?.certificatePath),
    platformSerial: platformCertificate.serial,
    platformCertificatePath: absolute(platformCertificate.path),
    publicKeyId: publicKey.id,
    publicKeyPath: absolute(publicKey.path),
  };
}

function greet(emulator: WechatPayEmulator): string {
  const lines = Object.entries(describe(emulator)).map(
    ([name, value]) => `  ${name.padEnd(24)} ${String(value)}`,
  );
  return [
    `WeChat Pay emulator at ${emulator.url} (mode ${emulator.mode}); no money moves here.`,
    ...lines,
    `  Open ${emulator.url}/emulator/ to see orders and pay them. Ctrl-C ends it.`,
    '',
  ].join('\n');
}

function endOnSignal(emulator: WechatPayEmulator): void {
  const end = (): void => {
    setTimeout(() => process.exit(0), patienceMs).unref();
    void emulator.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

function absolute(path = ''): string {
  return resolve(path);
}

function startFailure(error: unknown, port = 0): string {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return isTaken
    ? `port ${port} of 127.0.0.1 is in use (EADDRINUSE); use --port 0 or another port`
    : messageOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
