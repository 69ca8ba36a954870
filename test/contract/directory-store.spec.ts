import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DirectoryCertificateStore, WechatPayStoreError } from 'nestjs-wechatpay';
import { answerAt, describeCertificateStore, MCHID } from './certificate-store.js';

describe('a certificate store in a directory', () => {
  describeCertificateStore(async () => {
    const root = await mkdtemp(join(tmpdir(), 'wechatpay-directory-'));
    const directory = join(root, 'certificates');
    return {
      open: (pollMs = 1_000) => new DirectoryCertificateStore(directory, { pollMs }),
      plant: async (mchid, bytes) => {
        await mkdir(directory, { recursive: true });
        await writeFile(join(directory, `platform-certificates-${mchid}.json`), bytes);
      },
      reset: () => rm(directory, { recursive: true, force: true }),
      close: () => rm(root, { recursive: true, force: true }),
      lease: { shortestMs: 1_500, graceMs: 1_000 },
      isShared: true,
    };
  });

  it('says what could not be done where the directory is a file', async () => {
    const root = await mkdtemp(join(tmpdir(), 'wechatpay-directory-'));
    try {
      const path = join(root, 'file');
      await writeFile(path, '');
      const store = new DirectoryCertificateStore(path);
      for (const [what, call] of [
        ['read', store.read(MCHID)],
        ['written', store.writeIfNewer(MCHID, answerAt(1_000))],
        ['leased', store.tryLease('x', 1_000)],
      ] as const) {
        const error = await call.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(WechatPayStoreError);
        expect((error as Error).message).toBe(
          `The kept certificate list cannot be ${what}: check the directory and its permissions`,
        );
      }
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
