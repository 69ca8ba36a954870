import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestingModule } from '@nestjs/testing';
import {
  WechatPayMerchants,
  type WechatPayOptions,
  type WechatPayPlatformOptions,
} from 'nestjs-wechatpay';
import { CertificatePlatform } from '../support/certificate-platform.js';
import { A, B, crowdOptions, startCrowd } from '../support/crowd.js';
import { certificateSigner, publicKeyOption } from '../support/raw-platform.js';

describe('what an application has decided about the keys of a merchant', () => {
  const [old, young] = [certificateSigner('old'), certificateSigner('young')];
  const publicKeys = [publicKeyOption('platform'), publicKeyOption('next', 'PUB_KEY_ID_02')];
  let platform: CertificatePlatform;
  let app: TestingModule;
  let merchants: WechatPayMerchants;
  let options: Partial<WechatPayOptions>;

  beforeEach(async () => {
    platform = await CertificatePlatform.start(young);
    platform.listed = [old, young];
    options = {};
    const resolve = (mchid: string): WechatPayOptions =>
      crowdOptions(mchid, { baseUrl: platform.url, platform: {}, ...options });
    ({ app, merchants } = await startCrowd({ resolve, maxLoaded: 1 }));
  });
  afterEach(async () => {
    await app.close();
    await platform.close();
  });

  const use = (given: WechatPayPlatformOptions): void => {
    options = { platform: given };
  };
  const idsOf = async (mchid: string): Promise<string[]> =>
    (await (await merchants.get(mchid)).certificates.ready()).keys.map(({ id }) => id).sort();
  /** Unloaded for another one, which is unloaded when this one comes back. */
  const unload = async (): Promise<void> => {
    await merchants.get(B);
    expect(merchants.names).toEqual([B]);
  };

  it.each([
    ['unloaded', unload],
    ['removed', async () => void merchants.remove(A)],
  ])('holds when it was %s: a certificate stays distrusted', async (_, leave) => {
    await idsOf(A);
    (await merchants.get(A)).certificates.distrust(old.id.toLowerCase());
    await leave();
    expect(await idsOf(A)).toEqual([young.id]);
    expect(await idsOf(B)).toEqual([old.id, young.id].sort()); // that is another merchant's list
  });

  it('holds for a public key, too', async () => {
    use({ publicKey: publicKeys, certificates: false });
    (await merchants.get(A)).certificates.distrust(publicKeys[0]?.id ?? '');
    await unload();
    const { certificates } = await merchants.get(A);
    expect(certificates.requestKey()?.id).toBe('PUB_KEY_ID_02');
    expect(await idsOf(A)).toEqual(['PUB_KEY_ID_02']);
  });

  it('holds for the share of the public key', async () => {
    use({ publicKey: publicKeys, publicKeyShare: 100 });
    (await merchants.get(A)).certificates.setPublicKeyShare(20);
    await unload();
    expect((await merchants.get(A)).certificates.publicKeyShare).toBe(20);
  });

  it('gives way to a share that its options have changed since', async () => {
    use({ publicKey: publicKeys, publicKeyShare: 0 });
    (await merchants.get(A)).certificates.setPublicKeyShare(20);
    use({ publicKey: publicKeys, publicKeyShare: 50 });
    merchants.remove(A);
    expect((await merchants.get(A)).certificates.publicKeyShare).toBe(50);
    await unload();
    use({ publicKey: publicKeys, publicKeyShare: 0 });
    expect((await merchants.get(A)).certificates.publicKeyShare).toBe(0);
  });
});
