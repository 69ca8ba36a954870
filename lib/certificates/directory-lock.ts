import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import { WechatPayStoreError } from '../errors/index.js';

/** How long to wait for another process, in milliseconds. */
const WAIT_MS = 1_500;
/** A lock older than this was left by a process that died: the work under it takes milliseconds. */
const STALE_MS = 10_000;

/**
 * Works under a lock between processes: a file that only one of them can make.
 *
 * @throws {WechatPayStoreError} when another process holds the lock for longer than 1.5 s
 */
export async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const end = performance.now() + WAIT_MS;
  while (!(await take(lock))) {
    await removeStale(lock);
    if (performance.now() > end) {
      throw new WechatPayStoreError(
        'Another process holds the lock of the certificate directory: try again later',
        { isRetryable: true },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 8));
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Writes a file whole: beside its place, for its owner only, and renamed. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a lock whose owner died. It is moved aside first and looked at again there: when another
 * process was quicker and this is its new lock, it is put back.
 */
async function removeStale(lock: string): Promise<void> {
  if (!(await isStale(lock))) return;
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(lock, aside);
    if (!(await isStale(aside))) await link(aside, lock);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function isStale(lock: string): Promise<boolean> {
  const made = await stat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  return made !== undefined && Math.abs(Date.now() - made) > STALE_MS;
}
