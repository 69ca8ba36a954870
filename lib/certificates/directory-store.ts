import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import { WechatPayError, WechatPayStoreError } from '../errors/index.js';
import type { SignedAnswer } from './certificate-list.js';
import { withLock, writeWhole } from './directory-lock.js';
import { DirectoryScan, fileMark, listenToDirectory } from './directory-scan.js';
import { assertMchid, BoundedCalls, leaseMs, LONGEST_LEASE_MS } from './store-calls.js';
import { pollEvery, watchByPolling } from './store-watch.js';
import { signedAtSeconds, type CertificateStore } from './store.js';
import { decodeAnswer, encodeAnswer, MAX_STORED_BYTES, storedSeconds } from './stored-answer.js';

const FILE = /^platform-certificates-([0-9]{1,32})\.json$/;

/** Settings of a {@link DirectoryCertificateStore}. */
export interface DirectoryCertificateStoreOptions {
  /** How often changes are looked for beside the system's notices, in milliseconds: 20 to 60,000, default 5,000. */
  readonly pollMs?: number | undefined;
}

/**
 * Keeps certificate lists as files in a directory, one a merchant, so that a process can start and
 * verify while the platform cannot be reached. Files appear whole (written beside and renamed) and
 * are readable by their owner only (0600). Processes of one machine may share it: they write one at a
 * time under a lock file.
 *
 * A lease may be as short as a millisecond.
 *
 * @publicApi
 */
export class DirectoryCertificateStore implements CertificateStore {
  readonly #directory: string;
  readonly #calls = new BoundedCalls('The certificate directory');
  readonly #scan: DirectoryScan;
  readonly #watch: Observable<string>;

  /** @param directory made when it is missing, with mode 0700 */
  constructor(directory: string, options: DirectoryCertificateStoreOptions = {}) {
    this.#directory = directory;
    this.#scan = new DirectoryScan(directory, (file) => FILE.exec(file)?.[1]);
    this.#watch = watchByPolling({
      poll: () => this.#working('watched', () => this.#scan.changed()),
      listen: (nudge) => listenToDirectory(directory, nudge),
      everyMs: pollEvery(options.pollMs),
    });
  }

  /** @throws {WechatPayStoreError} when the file exists but cannot be read or understood */
  async read(mchid: string): Promise<SignedAnswer | undefined> {
    const file = this.#fileOf(mchid);
    const held = await this.#working('read', () => readBounded(file));
    this.#scan.wasRead(mchid, held?.mark ?? 'none');
    return held && decodeAnswer(held.bytes);
  }

  /** @throws {WechatPayStoreError} when the file cannot be written */
  async writeIfNewer(mchid: string, answer: SignedAnswer): Promise<boolean> {
    const file = this.#fileOf(mchid);
    const text = encodeAnswer(answer);
    const seconds = signedAtSeconds(answer);
    return this.#working('written', async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      return withLock(`${file}.lock`, async () => {
        const held = await readBounded(file).catch(() => undefined); // a damaged file is replaced
        if (storedSeconds(held?.bytes) >= seconds) return false;
        await writeWhole(file, text);
        return true;
      });
    });
  }

  changes(): Observable<string> {
    return this.#watch;
  }

  /** @throws {WechatPayStoreError} when the lease's file cannot be written */
  async tryLease(key: string, ttlMs: number): Promise<boolean> {
    const ms = leaseMs(key, ttlMs);
    const name = createHash('sha256').update(key).digest('hex').slice(0, 40);
    const file = join(this.#directory, `lease-${name}`);
    return this.#working('leased', async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      return withLock(`${file}.lock`, async () => {
        const held = await readFile(file, 'latin1').catch(() => '');
        const leftMs = /^[0-9]{1,15}$/.test(held) ? Number(held) - Date.now() : 0;
        if (leftMs > 0 && leftMs <= LONGEST_LEASE_MS) return false;
        await writeWhole(file, String(Date.now() + ms));
        return true;
      });
    });
  }

  async #working<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#calls.run(async () => {
      try {
        return await work();
      } catch (cause) {
        if (cause instanceof WechatPayError) throw cause;
        throw new WechatPayStoreError(
          `The kept certificate list cannot be ${what}: check the directory and its permissions`,
          { cause },
        );
      }
    });
  }

  #fileOf(mchid: string): string {
    assertMchid(mchid);
    return join(this.#directory, `platform-certificates-${mchid}.json`);
  }
}

/** At most one byte more than an entry may have; `undefined` when there is no file. */
async function readBounded(file: string): Promise<{ bytes: Buffer; mark: string } | undefined> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const facts = await handle.stat({ bigint: true });
    const bytes = Buffer.alloc(Math.min(Number(facts.size), MAX_STORED_BYTES) + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return { bytes: bytes.subarray(0, bytesRead), mark: fileMark(facts) };
  } finally {
    await handle.close();
  }
}
