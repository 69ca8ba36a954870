import { lstat, readlink } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve, sep } from 'node:path';

const MAX_LINKS = 40;
const READY_TIMEOUT_MS = 2_000;
const POLL_MS = 1_000;

/** The part of chokidar's watcher that is used. */
export interface PathWatcher {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  close(): Promise<void>;
}

/** What is asked of chokidar; said here, so that nobody needs its types to read ours. */
interface WatchOptions {
  readonly depth: number;
  readonly ignored: (path: string) => boolean;
  readonly ignoreInitial: boolean;
  readonly ignorePermissionErrors: boolean;
  readonly followSymlinks: boolean;
  readonly atomic: boolean;
  readonly usePolling: boolean;
  readonly interval: number;
  readonly persistent: boolean;
}

/** Starts a watcher; chokidar's `watch`, or a stand-in. */
export type StartWatcher = (paths: string[], options: WatchOptions) => PathWatcher;

/**
 * Everything on the way to a file whose replacement makes it another one: each symbolic link, and the
 * file at the end. Where the way breaks off, the name that is missing. Of every entry the directory
 * exists and is no link, so that it can be watched.
 *
 * `/etc/keys/key.pem` of a Kubernetes secret gives `/etc/keys/key.pem` (a link to `..data/key.pem`),
 * `/etc/keys/..data` (a link to `..2026_01_01`) and `/etc/keys/..2026_01_01/key.pem`.
 */
export async function entriesOf(path: string): Promise<readonly string[]> {
  const entries = new Set<string>();
  let { at, names } = split(resolve(path));
  for (let links = 0; names.length > 0 && links < MAX_LINKS;) {
    const [name = '', ...rest] = names;
    const entry = join(at, name);
    let target: string | undefined;
    try {
      if ((await lstat(entry)).isSymbolicLink()) target = await readlink(entry);
    } catch {
      entries.add(entry); // missing, or not ours to see: waited for
      break;
    }
    if (target === undefined) {
      if (rest.length === 0) entries.add(entry);
      [at, names] = [entry, rest];
    } else {
      links++;
      entries.add(entry);
      const next = split(resolve(at, target));
      [at, names] = [next.at, [...next.names, ...rest]];
    }
  }
  return [...entries];
}

function split(path: string): { at: string; names: string[] } {
  const { root } = parse(path);
  return { at: root, names: path.slice(root.length).split(sep).filter(Boolean) };
}

/**
 * Watches the directories of some entries, and in them nothing but the entries. Directories say when
 * something is renamed over an entry; a watch of the file itself would stay with the old one.
 *
 * Failures of the operating system (too many watches, a directory that may not be read) are not
 * reported: whoever uses this looks by itself from time to time.
 *
 * @param onEvent called when an entry may have changed; often several times for one change
 * @param start makes the watcher; chokidar's `watch` when it is left out
 * @returns when events are certain to arrive; and how to end it
 */
export function watchEntries(
  entries: readonly string[],
  usePolling: boolean,
  onEvent: () => void,
  start?: StartWatcher,
): { readonly ready: Promise<void>; readonly close: () => void } {
  const directories = [...new Set(entries.map((entry) => dirname(entry)))];
  const seen = new Set([...entries, ...directories]);
  const names = new Set([...seen].map((path) => basename(path)));
  let watcher: PathWatcher | undefined;
  let settle: () => void = () => undefined;
  const ready = new Promise<void>((done) => (settle = done));
  const timer = setTimeout(settle, READY_TIMEOUT_MS);
  timer.unref();
  let isClosed = false;
  const begin = (watch: StartWatcher): void => {
    if (isClosed) return;
    watcher = watch(directories, {
      depth: 0,
      ignored: (path) => !seen.has(resolve(path)),
      ignoreInitial: true,
      ignorePermissionErrors: true,
      followSymlinks: false,
      atomic: false,
      usePolling,
      interval: POLL_MS,
      // A watch must not keep a process alive. Elsewhere than on Linux it may fail later, and only a
      // persistent one of chokidar's survives that.
      persistent: !usePolling && process.platform !== 'linux',
    });
    watcher.on('all', onEvent);
    watcher.on('raw', (_event: unknown, path: unknown) => {
      if (typeof path !== 'string' || names.has(basename(path))) onEvent();
    });
    watcher.on('ready', settle);
    watcher.on('error', settle);
  };
  // Loaded on first use: an application without watched files does not wait for it at its start.
  const load = async (): Promise<StartWatcher> => (await import('chokidar')).watch as StartWatcher;
  (start ? Promise.resolve(start) : load()).then(begin).catch(settle);
  return {
    ready: ready.finally(() => clearTimeout(timer)),
    close: () => {
      isClosed = true;
      settle();
      watcher?.close().catch(() => undefined);
    },
  };
}
