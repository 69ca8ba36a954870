import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WechatPayStoreError } from '../errors/index.js';
import type { SignedAnswer } from './certificate-list.js';
import { signedAtSeconds, type CertificateStore } from './store.js';

const MAX_FILE_BYTES = 256 * 1024;
const KEPT_HEADERS = [
  'wechatpay-timestamp',
  'wechatpay-nonce',
  'wechatpay-signature',
  'wechatpay-serial',
  'wechatpay-signature-type',
] as const;

/**
 * Keeps certificate lists as files in a directory, one a merchant, so that a process can start and
 * verify while the platform cannot be reached. Files appear whole (written beside and renamed) and
 * are readable by their owner only (0600). When two processes write at the same moment, the later
 * rename wins; that is harmless, because a reader never takes an older list over its own.
 *
 * @publicApi
 */
export class DirectoryCertificateStore implements CertificateStore {
  readonly #directory: string;

  /** @param directory made when it is missing, with mode 0700 */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws {WechatPayStoreError} when the file exists but cannot be read or understood */
  async read(mchid: string): Promise<SignedAnswer | undefined> {
    let text: string;
    try {
      const file = this.#fileOf(mchid);
      const { size } = await stat(file);
      if (size > MAX_FILE_BYTES) throw new RangeError('too large');
      text = await readFile(file, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw storeError('read', cause);
    }
    try {
      return decode(JSON.parse(text));
    } catch (cause) {
      throw storeError('understood', cause);
    }
  }

  /** @throws {WechatPayStoreError} when the file cannot be written */
  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    const held = await this.read(mchid).catch(() => undefined); // a damaged file is replaced
    if (held && signedAtSeconds(held) >= signedAtSeconds(answer)) return false;
    const file = this.#fileOf(mchid);
    const temporary = `${file}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(encode(answer));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storeError('written', cause);
    }
    return true;
  }

  #fileOf(mchid: string): string {
    if (!/^[0-9]{1,32}$/.test(mchid)) throw new WechatPayStoreError('An mchid is a number');
    return join(this.#directory, `platform-certificates-${mchid}.json`);
  }
}

function encode(answer: SignedAnswer): string {
  const headers = Object.fromEntries(KEPT_HEADERS.map((name) => [name, answer.headers[name]]));
  return JSON.stringify({ format: 1, headers, body: answer.body.toString('base64') });
}

function decode(value: unknown): SignedAnswer {
  const { format, headers, body } = value as {
    format?: unknown;
    headers?: unknown;
    body?: unknown;
  };
  if (format !== 1 || typeof headers !== 'object' || headers === null || typeof body !== 'string') {
    throw new TypeError('another format');
  }
  const entries = KEPT_HEADERS.map((name): [string, string | undefined] => {
    const text = (headers as Record<string, unknown>)[name];
    return [name, typeof text === 'string' ? text : undefined];
  });
  return { headers: Object.fromEntries(entries), body: Buffer.from(body, 'base64') };
}

function storeError(what: string, cause: unknown): WechatPayStoreError {
  return new WechatPayStoreError(
    `The kept certificate list cannot be ${what}: check the directory and its permissions`,
    { cause },
  );
}
