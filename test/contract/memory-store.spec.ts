import { describe, expect, it } from '@jest/globals';
import { MemoryCertificateStore } from 'nestjs-wechatpay';
import { answerAt, describeCertificateStore } from './certificate-store.js';

describe('a certificate store in memory', () => {
  let store = new MemoryCertificateStore();

  describeCertificateStore(() =>
    Promise.resolve({
      open: () => store,
      reset: () => {
        store = new MemoryCertificateStore();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
      lease: { shortestMs: 1_000, graceMs: 1_000 },
      isShared: false,
    }),
  );

  it('holds as many merchants as it may, and lets the oldest go', async () => {
    const small = new MemoryCertificateStore({ maxEntries: 2 });
    for (const mchid of ['1', '2', '1', '3']) {
      await small.writeIfNewer(mchid, answerAt(mchid === '1' ? Date.now() / 1000 : 5));
    }
    await small.writeIfNewer('1', answerAt(Math.floor(Date.now() / 1000)));
    await expect(small.read('2')).resolves.toBeUndefined();
    await expect(small.read('3')).resolves.toBeDefined();
    await expect(small.read('1')).resolves.toBeDefined();
  });
});
