import { createServer, type AddressInfo } from 'node:net';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import pg from 'pg';
import { migration } from '../shop/migration.js';
import { ShopProcess } from './shop-process.js';
import { Story } from './story.js';

const endsWithinMs = 1_700;
/** The platform comes back after 15 s, 15 s, 30 s, …; here after a hundredth of that. */
const scale = 0.01;

/**
 * The whole demonstration. The one line on stdout is the result.
 *
 * @returns the exit code: 0 when the order was credited exactly once
 */
export async function run(env: NodeJS.ProcessEnv): Promise<number> {
  const ending: (() => Promise<unknown>)[] = [];
  let isInterrupted = false;
  const interrupted = new Promise<number>((done) => {
    const interrupt = (): void => {
      isInterrupted = true;
      setTimeout(() => process.exit(0), endsWithinMs).unref();
      done(0);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  });
  try {
    const told = perform(env['DATABASE_URL'] ?? '', (end) => ending.unshift(end));
    return await Promise.race([told, interrupted]);
  } catch (error) {
    if (isInterrupted) return 0; // Ctrl-C reaches the shop as well
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  } finally {
    for (const end of ending) await end().catch(() => undefined);
  }
}

async function perform(
  databaseUrl: string,
  later: (end: () => Promise<unknown>) => void,
): Promise<number> {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => undefined); // its queries fail as well
    await client.connect();
    later(() => client.end());
    return client;
  };
  const [database, blocker] = [await connect(), await connect()];
  await database.query(migration);
  const emulator = await WechatPayEmulator.start({ scale });
  later(() => emulator.close());
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const shop = new ShopProcess(url, {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'development', // in production, keys of the emulator are refused
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    ...settings(emulator),
    WECHATPAY_NOTIFY_URL: `${url}/wechatpay/notify`,
  });
  later(() => shop.kill());
  await shop.start();
  const result = await new Story(shop, emulator, database, blocker).tell();
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.credits === 1 ? 0 : 1;
}

function settings(emulator: WechatPayEmulator): Record<string, string> {
  const { mchid, appid, credential } = emulator.options();
  return {
    WECHATPAY_BASE_URL: emulator.url,
    WECHATPAY_MCHID: mchid,
    WECHATPAY_APPID: appid,
    WECHATPAY_API_V3_KEY: credential.apiV3Key,
    WECHATPAY_PRIVATE_KEY: credential.privateKey,
    WECHATPAY_CERTIFICATE: credential.certificate,
    WECHATPAY_PUBLIC_KEY_ID: emulator.publicKey.id,
    WECHATPAY_PUBLIC_KEY: emulator.publicKey.key,
    WECHATPAY_PLATFORM_CERTIFICATES: 'on',
  };
}

/** A port that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
