import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectoryCertificateStore } from '../../lib/certificates/index.js';
import { withLock, writeWhole } from '../../lib/certificates/directory-lock.js';
import { WechatPayStoreError } from '../../lib/errors/index.js';

describe('the lock of a certificate directory', () => {
  let directory: string;
  let lock: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wechatpay-lock-'));
    lock = join(directory, 'a.lock');
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('lets one work at a time, and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withLock(lock, work)));
    expect(most).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is given back when the work fails', async () => {
    await expect(withLock(lock, () => Promise.reject(new Error('full')))).rejects.toThrow('full');
    expect(await readdir(directory)).toEqual([]);
  });

  it('is taken from a process that died with it, by one of many', async () => {
    await writeFile(lock, '');
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(lock, work)));
    expect(most).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is waited for with a bound when a living process holds it', async () => {
    await writeFile(lock, '');
    const started = performance.now();
    await expect(withLock(lock, () => Promise.resolve())).rejects.toBeInstanceOf(
      WechatPayStoreError,
    );
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await readdir(directory)).toEqual(['a.lock']);
  });

  it('is not waited for where none can be made', async () => {
    const work = (): Promise<string> => Promise.resolve('done');
    await expect(withLock(join(directory, 'missing', 'a.lock'), work)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  it('guards files that are whole: nothing is left of one that could not take its place', async () => {
    await mkdir(join(directory, 'file', 'full'), { recursive: true });
    await expect(writeWhole(join(directory, 'file'), 'text')).rejects.toThrow(/rename/);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it.each(['', 'abc', '-1', '9'.repeat(15), '0x10'])(
    'does not believe a lease that says %j',
    async (text) => {
      const store = new DirectoryCertificateStore(directory);
      await expect(store.tryLease('x', 60_000)).resolves.toBe(true);
      await expect(store.tryLease('x', 60_000)).resolves.toBe(false);
      const [file = ''] = await readdir(directory);
      await writeFile(join(directory, file), text);
      await expect(store.tryLease('x', 60_000)).resolves.toBe(true);
    },
  );
});
