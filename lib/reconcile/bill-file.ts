import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file that nobody else can read, gone when it is closed. */
export interface PrivateFile {
  readonly handle: FileHandle;
  /** Ends it and removes what is left of it. */
  close(): Promise<void>;
}

/**
 * Makes a file for this process alone, in a folder of its own below the system's folder for temporary
 * files. The name is taken away at once where the system lets an open file lose it (all but Windows): then
 * not even a process that is killed leaves anything behind.
 *
 * @throws {Error} of the system
 */
export async function openPrivateFile(): Promise<PrivateFile> {
  const folder = await mkdtemp(join(tmpdir(), 'wechatpay-bill-')); // 0700
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const handle = await open(join(folder, 'bill.csv'), 'wx+', 0o600);
    if (process.platform !== 'win32') await remove();
    return { handle, close: () => handle.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
