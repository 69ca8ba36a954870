import { describe, expect, it, jest } from '@jest/globals';
import {
  checkCredential,
  MerchantCredentialProvider,
  type CredentialMaterial,
  type CredentialSource,
} from '../../lib/merchant/index.js';
import { credentialProvider, rejection } from '../support/merchant-context.js';
import { ecKey, makeCertificate, pem, rsaKey } from '../support/x509.js';

const MCHID = '1900009191';
const pair = rsaKey('merchant');
const privateKey = pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' }));
const API_V3_KEY = 'testOnly0123456789abcdefghijklmn';
const good: CredentialMaterial = {
  privateKey,
  certificate: makeCertificate(pair, { serial: '0ABC', commonName: MCHID }),
  apiV3Keys: [API_V3_KEY],
};
const check = (changes: object): ReturnType<typeof checkCredential> =>
  checkCredential(MCHID, { ...good, ...changes } as CredentialMaterial, Date.now());
const credentialOf = (changes: object) =>
  (
    check(changes) as unknown as {
      credential: { serialNo: string; apiV3Keys: unknown[]; notAfterMs?: number };
    }
  ).credential;

describe('a credential', () => {
  it('takes serial and expiry from the certificate, and is a snapshot', () => {
    const credential = credentialOf({});
    expect(credential).toMatchObject({
      mchid: MCHID,
      serialNo: '0ABC',
      notAfterMs: expect.any(Number),
    });
    expect(Object.isFrozen(credential)).toBe(true);
    expect(Object.isFrozen(credential.apiV3Keys)).toBe(true);
  });

  it.each([
    ['a serial number alone', { certificate: undefined, serialNo: ' 0abc ' }, '0ABC'],
    ['both, when they agree', { serialNo: 'abc' }, '0ABC'],
    ['a parsed key', { privateKey: pair.privateKey }, '0ABC'],
    ['a Buffer', { privateKey: Buffer.from(privateKey) }, '0ABC'],
    [
      'a certificate whose name is no number',
      { certificate: makeCertificate(pair, { serial: '0ABC', commonName: 'shop' }) },
      '0ABC',
    ],
  ])('may have %s', (_, changes, serialNo) => {
    expect(credentialOf(changes)).toMatchObject({ serialNo });
  });

  it('keeps previous APIv3 keys in order', () => {
    expect(credentialOf({ apiV3Keys: [API_V3_KEY, 'b'.repeat(32)] }).apiV3Keys).toHaveLength(2);
  });

  const hour = 3_600_000;
  it.each([
    [
      'no private key',
      { privateKey: undefined },
      /credential.privateKey \(商户API私钥\) is missing/,
    ],
    ['a number for a key', { privateKey: 5 }, /is missing/],
    ['an EC key', { privateKey: ecKey().privateKey }, /an RSA key is needed/],
    ['a public key', { privateKey: pair.publicKey }, /is a public key/],
    ['a parsed 1024-bit key', { privateKey: rsaKey('small', 1024).privateKey }, /RSA-1024/],
    [
      'another key than the certificate’s',
      { privateKey: rsaKey('other').privateKey },
      /does not belong to credential.certificate/,
    ],
    [
      'neither certificate nor serial number',
      { certificate: undefined },
      /credential.certificate or credential.serialNo/,
    ],
    ['a serial number that is none', { serialNo: 'xyz' }, /not a hexadecimal number/],
    ['a serial number of a public key', { serialNo: 'PUB_KEY_ID_01' }, /not a hexadecimal number/],
    [
      'a serial number of another certificate',
      { serialNo: 'ABD' },
      /is not that of credential.certificate, 0ABC/,
    ],
    ['a key for a certificate', { certificate: privateKey }, /give apiclient_cert.pem/],
    [
      'an expired certificate',
      { certificate: makeCertificate(pair, { notAfter: new Date(Date.now() - hour) }) },
      /expired on .*账户中心/,
    ],
    [
      'a certificate of tomorrow',
      { certificate: makeCertificate(pair, { notBefore: new Date(Date.now() + hour) }) },
      /valid only from .*clock/,
    ],
    [
      'another merchant’s certificate',
      { certificate: makeCertificate(pair, { commonName: '1900000000' }) },
      /belongs to merchant 1900000000/,
    ],
    ['no APIv3 key', { apiV3Keys: [] }, /APIv3密钥\) is missing/],
    ['an APIv3 key out of its list', { apiV3Keys: API_V3_KEY }, /APIv3密钥\) must be a list/],
    ['an APIv3 key of 31 characters', { apiV3Keys: ['a'.repeat(31)] }, /is 31 bytes long/],
    [
      'an APIv3 key of 32 characters and 96 bytes',
      { apiV3Keys: ['钥'.repeat(32)] },
      /is 96 bytes long/,
    ],
    [
      'an APIv3 key with a space',
      { apiV3Keys: [`${'a'.repeat(31)} `] },
      /other than letters and digits/,
    ],
    ['an APIv3 key that is none', { apiV3Keys: [undefined] }, /is 0 bytes long/],
    [
      'a short previous APIv3 key',
      { apiV3Keys: [API_V3_KEY, 'short'] },
      /apiV3Key\[1\].*is 5 bytes/,
    ],
  ])('is refused with %s, and shows no secret', (_, changes, problem) => {
    const result = check(changes);
    expect('problems' in result ? result.problems : []).toEqual(
      expect.arrayContaining([expect.stringMatching(problem)]),
    );
    const text = JSON.stringify(result);
    for (const secret of [API_V3_KEY, 'a'.repeat(31), privateKey.slice(40, 80)])
      expect(text).not.toContain(secret);
  });

  it.each([null, undefined, 'text'])('is refused when its source delivers %j', (material) => {
    expect(checkCredential(MCHID, material as never, Date.now())).toEqual({
      problems: ['the source delivered no { privateKey, certificate, apiV3Keys }'],
    });
  });

  it('says all that is wrong at once', () => {
    const result = check({ privateKey: '', certificate: undefined, apiV3Keys: [] });
    expect('problems' in result && result.problems).toHaveLength(3);
  });
});

describe('a credential from a source', () => {
  const provider = (source: CredentialSource): MerchantCredentialProvider =>
    credentialProvider(MCHID, source);

  it('is loaded once for all who wait, and announced', async () => {
    const load = jest.fn(() => Promise.resolve(good));
    const credentials = provider({ load });
    const seen: string[] = [];
    credentials.credential$.subscribe(({ serialNo }) => seen.push(serialNo));
    expect(credentials.credential).toBeUndefined();
    const all = await Promise.all(Array.from({ length: 20 }, () => credentials.get()));
    expect(new Set(all).size).toBe(1);
    expect(load).toHaveBeenCalledTimes(1);
    expect(await credentials.get()).toBe(credentials.credential);
    expect(seen).toEqual(['0ABC']);
    credentials.close();
  });

  it('is tried again by the next caller after a failure, whose cause shows no secret', async () => {
    const load = jest.fn<CredentialSource['load']>();
    load.mockImplementationOnce(() => Promise.resolve(JSON.parse(`"${API_V3_KEY}`) as never));
    load.mockResolvedValueOnce(good);
    const credentials = provider({ load });
    const error = await rejection(credentials.get());
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', isRetryable: true });
    expect(String((error.cause as Error).message)).not.toContain('testOnly');
    await expect(credentials.get()).resolves.toMatchObject({ serialNo: '0ABC' });
    credentials.close();
  });

  it('is refused when it is unusable, with every problem', async () => {
    const error = await rejection(
      provider({
        load: () => Promise.resolve({ ...good, apiV3Keys: ['x'], privateKey: 'y' }),
      }).get(),
    );
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    expect(error.message.split('\n  - ')).toHaveLength(3);
  });

  it('is waited for ten seconds, even when the source ignores its signal', async () => {
    const { signal } = new AbortController();
    const late = new AbortController();
    const timeout = jest.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal);
    const credentials = provider({ load: () => new Promise(() => signal) });
    const call = rejection(credentials.get());
    late.abort(new Error('late'));
    await expect(call).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      cause: { message: 'late' },
    });
    expect(timeout).toHaveBeenCalledWith(10_000);
    timeout.mockRestore();
  });

  it('is not waited for once the application closes', async () => {
    let given: AbortSignal | undefined;
    const credentials = provider({
      load: (signal) => ((given = signal), new Promise(() => undefined)),
    });
    const call = rejection(credentials.get());
    credentials.close();
    credentials.close();
    await expect(call).resolves.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    expect(given?.aborted).toBe(true);
    await expect(rejection(credentials.get())).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
    });
  });
});
