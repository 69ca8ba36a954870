import { mkdtemp, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DirectoryScan,
  fileMark,
  listenToDirectory,
} from '../../lib/certificates/directory-scan.js';

describe('a look at a certificate directory', () => {
  const OLD = new Date(Date.now() - 60_000);
  let directory: string;
  let scan: DirectoryScan;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wechatpay-scan-'));
    scan = new DirectoryScan(directory, (file) => /^([0-9]+)\.json$/.exec(file)?.[1]);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(directory, name), text);
  /** As if the last change of the folder were a minute ago. */
  const settle = (): Promise<void> => utimes(directory, OLD, OLD);

  it('tells of no file that was there at first, then of each that changes', async () => {
    await write('1.json', 'a');
    expect(await scan.changed()).toEqual([]);
    await write('1.json', 'ab');
    await write('2.json', 'a');
    expect((await scan.changed()).sort()).toEqual(['1', '2']);
    expect(await scan.changed()).toEqual([]);
  });

  it('makes the folder when it is missing', async () => {
    await rm(directory, { recursive: true });
    expect(await scan.changed()).toEqual([]);
    expect((await stat(directory)).isDirectory()).toBe(true);
  });

  it('looks at no file of a folder that has been quiet since the last look', async () => {
    await write('1.json', 'a');
    await settle();
    await scan.changed();
    await write('1.json', 'ab'); // in place, which nobody of us does: the folder is as it was
    expect(await scan.changed()).toEqual([]);
    await write('2.json', 'a');
    expect((await scan.changed()).sort()).toEqual(['1', '2']);
  });

  it('looks again at a quiet folder after somebody read another file than it knows', async () => {
    await write('1.json', 'a');
    await settle();
    await scan.changed();
    const mark = fileMark(await stat(join(directory, '1.json'), { bigint: true }));
    scan.wasRead('1', mark);
    expect(await scan.changed()).toEqual([]);
    scan.wasRead('1', 'another');
    expect(await scan.changed()).toEqual(['1']);
  });

  it('passes over a file that is gone when it is looked at', async () => {
    await symlink('nowhere', join(directory, '1.json'));
    await scan.changed();
    await write('2.json', 'a');
    expect(await scan.changed()).toEqual(['2']);
  });

  it('listens to nothing where the system gives no notices', () => {
    const end = listenToDirectory(join(directory, 'missing'), () => {
      throw new Error('nothing was to be told');
    });
    expect(end).not.toThrow();
  });
});
