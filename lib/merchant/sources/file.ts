import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { Observable, share } from 'rxjs';
import { WechatPayConfigurationError } from '../../errors/index.js';
import type { CredentialField } from '../credential-source.js';
import { MAX_SOURCE_BYTES } from './bounds.js';
import { readSmallFile, UnreadableFile } from './file-read.js';
import { entriesOf, watchEntries, type StartWatcher } from './file-watch.js';

const DEBOUNCE_MS = 200;
const BACKSTOP_MS = 30_000;
const LARGEST_MAX_BYTES = 1024 * 1024;

/**
 * How a file is read and watched.
 *
 * @publicApi
 */
export interface FileFieldOptions {
  /** Quiet time after the last write before the file is read again, 0 to 60,000 ms. @default 200 */
  readonly debounceMs?: number | undefined;
  /** Look every second in place of waiting for events: network file systems. @default false */
  readonly usePolling?: boolean | undefined;
  /** Look at least this often, for events that never come, 1,000 to 3,600,000 ms. @default 30000 */
  readonly backstopMs?: number | undefined;
  /** A larger file is refused, 1 to 1,048,576 bytes. @default 65536 */
  readonly maxBytes?: number | undefined;
}

/**
 * A field from a file, watched for as long as somebody listens to `changes`.
 *
 * `changes` emits when the content is another one than was loaded: after a write in place, a rename
 * over it, a swap of a symbolic link anywhere on its path (a secret mounted by Kubernetes). It also
 * emits when the file cannot be read any more, so that the loss is noticed (`load` then says why, and
 * the credential in force stays), and when it is back. The same content never emits twice; contents
 * are compared by a SHA-256 digest.
 *
 * @param path of a regular file; a relative one is resolved now
 * @returns a field whose `load` rejects with a {@link WechatPayCertificateError} that names the file
 * and the remedy: it is missing, may not be read, is a directory, a pipe, a device or too large
 * @throws {WechatPayConfigurationError} when `path` is no path or an option is out of its range
 *
 * @publicApi
 */
export function fromFile(path: string, options: FileFieldOptions = {}): CredentialField<Buffer> {
  return watchedFile(path, options);
}

/** {@link fromFile} with a watcher of one's own, for tests. */
export function watchedFile(
  path: string,
  options: FileFieldOptions,
  start?: StartWatcher,
): CredentialField<Buffer> {
  const settings = checkOptions(path, options);
  const { maxBytes } = settings;
  const absolute = resolve(path);
  const seen: Seen = { state: undefined, isWatched: false };
  return {
    load: async (signal) => {
      signal.throwIfAborted();
      try {
        const bytes = await readSmallFile(absolute, maxBytes);
        // what others were told of stays until the watch tells everybody
        if (seen.state === undefined || (!seen.isWatched && seen.state.startsWith('!'))) {
          seen.state = digestOf(bytes);
        }
        return bytes;
      } catch (error) {
        const unreadable = UnreadableFile.from(error, maxBytes);
        seen.state = `!${unreadable.code}`;
        throw unreadable.of(absolute);
      }
    },
    changes: new Observable<void>((subscriber) => {
      const watched = new WatchedFile(absolute, settings, seen, () => subscriber.next(), start);
      seen.isWatched = true;
      return () => {
        seen.isWatched = false;
        watched.close();
      };
    }).pipe(share()),
  };
}

/** What consumers know: the digest of the content, `!` and why there is none, or nothing yet. */
interface Seen {
  state: string | undefined;
  isWatched: boolean;
}

type Settings = { readonly [K in keyof FileFieldOptions]-?: NonNullable<FileFieldOptions[K]> };

function checkOptions(path: string, options: FileFieldOptions): Settings {
  const problems: string[] = [];
  if (typeof path !== 'string' || path.trim() === '' || /-----BEGIN|[\0\r\n]/.test(path)) {
    problems.push('fromFile needs the path of a file, not its content');
  }
  const {
    debounceMs = DEBOUNCE_MS,
    backstopMs = BACKSTOP_MS,
    maxBytes = MAX_SOURCE_BYTES,
  } = options;
  const check = (name: string, value: number, least: number, most: number): void => {
    if (typeof value === 'number' && value >= least && value <= most) return;
    problems.push(`fromFile: ${name} must be a number from ${least} to ${most}`);
  };
  check('debounceMs', debounceMs, 0, 60_000);
  check('backstopMs', backstopMs, 1_000, 3_600_000);
  check('maxBytes', maxBytes, 1, LARGEST_MAX_BYTES);
  if (problems.length > 0) throw new WechatPayConfigurationError(problems);
  return { debounceMs, backstopMs, maxBytes, usePolling: options.usePolling === true };
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** One watch of one file: it looks after events and from time to time, one look after another. */
class WatchedFile {
  readonly #path: string;
  readonly #settings: Settings;
  readonly #seen: Seen;
  readonly #emit: () => void;
  readonly #start: StartWatcher | undefined;
  readonly #backstop: NodeJS.Timeout;
  #debounce: NodeJS.Timeout | undefined;
  #entries: readonly string[] = [];
  #watch: ReturnType<typeof watchEntries> | undefined;
  #isLooking = false;
  #mustLookAgain = false;
  #isClosed = false;

  constructor(
    path: string,
    settings: Settings,
    seen: Seen,
    emit: () => void,
    start: StartWatcher | undefined,
  ) {
    this.#path = path;
    this.#settings = settings;
    this.#seen = seen;
    this.#emit = emit;
    this.#start = start;
    this.#backstop = setInterval(() => this.#look(), settings.backstopMs);
    this.#backstop.unref();
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#backstop);
    clearTimeout(this.#debounce);
    this.#watch?.close();
  }

  readonly #onEvent = (): void => {
    if (this.#isClosed) return;
    clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => this.#look(), this.#settings.debounceMs);
    this.#debounce.unref();
  };

  #look(): void {
    this.#mustLookAgain = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#lookUntilDone();
  }

  async #lookUntilDone(): Promise<void> {
    while (this.#mustLookAgain && !this.#isClosed) {
      this.#mustLookAgain = false;
      await this.#follow();
      const state = await this.#state();
      if (this.#isClosed || state === this.#seen.state) continue;
      const isFirst = this.#seen.state === undefined;
      this.#seen.state = state;
      if (!isFirst) this.#emit();
    }
    this.#isLooking = false;
  }

  /** Watches what leads to the file now. Ready before the file is read, so that nothing is missed. */
  async #follow(): Promise<void> {
    const entries = await entriesOf(this.#path);
    if (this.#isClosed || String(entries) === String(this.#entries)) return;
    const { usePolling } = this.#settings;
    const next = watchEntries(entries, usePolling, this.#onEvent, this.#start);
    this.#watch?.close();
    this.#watch = next;
    this.#entries = entries;
    await next.ready;
  }

  async #state(): Promise<string> {
    try {
      const bytes = await readSmallFile(this.#path, this.#settings.maxBytes);
      const digest = digestOf(bytes);
      bytes.fill(0);
      return digest;
    } catch (error) {
      return `!${UnreadableFile.from(error, this.#settings.maxBytes).code}`;
    }
  }
}
