import { watch } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder that has been quiet for this long needs no look at its files, in milliseconds. */
const SETTLED_MS = 1_000;
/** Files looked at side by side. */
const BATCH = 32;

/** Finds which files of a folder were replaced since they were last read or looked at. */
export class DirectoryScan {
  readonly #directory: string;
  readonly #mchidOf: (file: string) => string | undefined;
  /** What was last told or read of each merchant. */
  readonly #known = new Map<string, string>();
  #hasLooked = false;
  #quietSince: bigint | undefined;

  /** @param mchidOf takes the merchant number out of a file's name */
  constructor(directory: string, mchidOf: (file: string) => string | undefined) {
    this.#directory = directory;
    this.#mchidOf = mchidOf;
  }

  /** Takes note of what a reader got, so that the first look tells what was replaced after it. */
  wasRead(mchid: string, mark: string): void {
    if (this.#known.get(mchid) === mark) return;
    this.#known.set(mchid, mark);
    this.#quietSince = undefined;
  }

  /** The merchants whose files are not those known; the first time, of those that were read. */
  async changed(): Promise<string[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    // Files are renamed into place, which changes the folder: one look is enough while it is quiet.
    const { mtimeNs, mtimeMs } = await stat(this.#directory, { bigint: true });
    if (this.#quietSince === mtimeNs) return [];
    // A change within the clock's grain of this look would have the same time: only then it is quiet.
    this.#quietSince = Date.now() - Number(mtimeMs) > SETTLED_MS ? mtimeNs : undefined;
    const names = await readdir(this.#directory);
    const changed: string[] = [];
    for (let at = 0; at < names.length; at += BATCH) {
      await Promise.all(names.slice(at, at + BATCH).map((name) => this.#look(name, changed)));
    }
    this.#hasLooked = true;
    return changed;
  }

  async #look(name: string, changed: string[]): Promise<void> {
    const mchid = this.#mchidOf(name);
    if (mchid === undefined) return;
    const facts = await stat(join(this.#directory, name), { bigint: true }).catch(() => undefined);
    if (!facts) return;
    const known = this.#known.get(mchid);
    const mark = fileMark(facts);
    if (known === mark) return;
    this.#known.set(mchid, mark);
    if (this.#hasLooked || known !== undefined) changed.push(mchid);
  }
}

/** What tells one version of a file from the next. */
export function fileMark(facts: { ino: bigint; mtimeNs: bigint; size: bigint }): string {
  return `${facts.ino}:${facts.mtimeNs}:${facts.size}`;
}

/**
 * Listens to the operating system's notices of a folder, where it gives any.
 *
 * @returns what ends it
 */
export function listenToDirectory(directory: string, nudge: () => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, nudge);
    watcher.on('error', () => watcher.close()); // the poll goes on, and makes another
    setImmediate(nudge);
    return () => watcher.close();
  } catch {
    return () => undefined; // too many watches, a file system without them: the poll has to do
  }
}
