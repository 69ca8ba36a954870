import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayConfigurationError } from '../../lib/errors/index.js';
import { CertificatePlatform, NO_CERTIFICATES } from '../support/certificate-platform.js';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { certificateSigner, publicKeyOption, publicKeySigner } from '../support/raw-platform.js';

const certificate = certificateSigner('old', { serial: '0E3A0001' });
const publicKey = publicKeySigner('new');

describe('the move from certificates to the public key', () => {
  let platform: CertificatePlatform;
  let context: TestContext;

  beforeEach(async () => {
    platform = await CertificatePlatform.start(certificate);
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { publicKey: publicKeyOption('new'), publicKeyShare: 0 },
      }),
      { clock: platform.clock, random: () => 0.5 },
    );
  });
  afterEach(async () => {
    await context.end();
    await platform.close();
  });

  const named = async (): Promise<string | undefined> => {
    await context.http.get('/v3/x');
    const request = platform.raw.requests.filter(({ target }) => target === '/v3/x').at(-1);
    return request?.headers['wechatpay-serial'] as string | undefined;
  };

  it('follows the share, which changes at run time and goes back to nothing at once', async () => {
    expect(await named()).toBeUndefined();
    context.certificates.setPublicKeyShare(50.1);
    expect(await named()).toBe(publicKey.id);
    context.certificates.setPublicKeyShare(50);
    expect(await named()).toBeUndefined();
    context.certificates.setPublicKeyShare(100);
    expect(await named()).toBe(publicKey.id);
    context.certificates.setPublicKeyShare(0);
    expect(await named()).toBeUndefined();
    expect(context.certificates.publicKeyShare).toBe(0);
  });

  it.each([-1, 100.1, NaN, '50', undefined])('takes no share of %j', (share) => {
    expect(() => context.certificates.setPublicKeyShare(share as number)).toThrow(
      WechatPayConfigurationError,
    );
    expect(context.certificates.publicKeyShare).toBe(0);
  });

  it('counts requests and answers by key, so that one sees how far it is', async () => {
    await named();
    platform.signer = publicKey;
    context.certificates.setPublicKeyShare(100);
    await named();
    await named();
    expect(context.certificates.usage).toEqual({
      sent: { none: 1, [publicKey.id]: 2 },
      received: { [certificate.id]: 1, [publicKey.id]: 2 },
    });
  });

  it('polls with the public key’s id, and no more once there are no certificates', async () => {
    await context.certificates.refresh();
    const poll = platform.raw.requests.find(({ target }) => target === '/v3/certificates');
    expect(poll?.headers['wechatpay-serial']).toBe(publicKey.id);
    platform.download = () => NO_CERTIFICATES;
    await context.certificates.refresh();
    expect(context.certificates.status.hasNoCertificates).toBe(true);
    expect(await named()).toBe(publicKey.id); // there is nothing else to ask for
  });
});
