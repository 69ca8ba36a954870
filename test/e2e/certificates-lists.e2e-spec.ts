import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OnDemandGate } from '../../lib/certificates/index.js';
import { CertificatePlatform } from '../support/certificate-platform.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import {
  certificateList,
  certificateSigner,
  publicKeyOption,
  publicKeySigner,
  type Reply,
} from '../support/raw-platform.js';
import { ecKey, makeCertificate, rsaKey } from '../support/x509.js';

const DAY_MS = 86_400_000;
const old = certificateSigner('old', { serial: '0E3A0001' });
const fresh = certificateSigner('fresh', { serial: '0E3A0002' });
const stranger = certificateSigner('stranger', { serial: '0E3A0666' });
const short = certificateSigner('short', { serial: '0E3A0512', bits: 1024 });
const expired = certificateSigner('expired', {
  serial: '0E3A0009',
  notAfter: new Date(Date.now() - 1000),
});
const publicKey = publicKeySigner('public');
const ec = {
  ...old,
  id: '0E3A0003',
  certificate: makeCertificate(ecKey(), { serial: '0E3A0003', issuer: rsaKey('old').privateKey }),
};
const KEY = 'testOnly0123456789abcdefghijklmn';

describe('lists of platform certificates', () => {
  let platform: CertificatePlatform;
  let contexts: TestContext[];

  beforeEach(async () => {
    contexts = [];
    platform = await CertificatePlatform.start(old);
  });
  afterEach(async () => {
    await platform.close();
    await Promise.all(contexts.map((each) => each.end()));
  });

  const connect = (
    overrides: Partial<Parameters<typeof testOptions>[0]> = {},
    gate?: OnDemandGate,
  ): TestContext => {
    const options = testOptions({ baseUrl: platform.url, ...overrides });
    const made = merchantContext(options, { clock: platform.clock, ...(gate && { gate }) });
    contexts.push(made);
    return made;
  };
  const serials = ({ certificates }: TestContext): string[] =>
    certificates.keyRing.keys.map(({ id }) => id).sort();

  const refused: readonly [string, (reply: Reply) => Reply][] = [
    ['is unsigned', ({ body }) => ({ body: body ?? '' })],
    [
      'is signed by a stranger under a known name',
      (reply) => ({ ...reply, signer: { ...old, privateKey: stranger.privateKey } }),
    ],
    [
      'is signed by a key that is neither in it nor known',
      (reply) => ({ ...reply, signer: stranger }),
    ],
    ['is signed by an unknown public key', (reply) => ({ ...reply, signer: publicKey })],
    [
      'is signed over another body',
      (reply) => ({ ...reply, signature: { nonce: 'n', value: 'A'.repeat(342) + '==' } }),
    ],
    [
      'is a probe',
      (reply) => ({ ...reply, signature: { value: `WECHATPAY/SIGNTEST/${'A'.repeat(325)}` } }),
    ],
    [
      'was signed ten minutes ago',
      (reply) => ({
        ...reply,
        signature: { timestamp: String(Math.floor(Date.now() / 1000) - 600) },
      }),
    ],
    ['is empty', () => ({ body: '{"data":[]}', signer: old })],
    ['has no data', () => ({ body: '{}', signer: old })],
    ['is not JSON', () => ({ body: '<html>', signer: old })],
    ['is an empty body', () => ({ body: '', signer: old })],
    [
      'holds 17 entries',
      () => ({
        body: certificateList(
          KEY,
          Array.from({ length: 17 }, () => old),
        ),
        signer: old,
      }),
    ],
    [
      'is encrypted with another APIv3 key',
      () => ({ body: certificateList('anotherTest0123456789abcdefghijk', [old]), signer: old }),
    ],
    ['holds one entry of another APIv3 key', () => ({ body: mixed(), signer: old })],
    [
      'names another serial than the certificate has',
      () => ({ body: certificateList(KEY, [{ signer: old, serialNo: fresh.id }]), signer: old }),
    ],
    [
      'holds a certificate that is none',
      () => ({
        body: certificateList(KEY, [old, { signer: fresh, plaintext: 'hello' }]),
        signer: old,
      }),
    ],
    ['holds a 1024-bit key', () => ({ body: certificateList(KEY, [old, short]), signer: old })],
    ['holds an EC key', () => ({ body: certificateList(KEY, [old, ec]), signer: old })],
    [
      'holds an entry of the SM kind',
      () => ({
        body: certificateList(KEY, [{ signer: old, algorithm: 'AEAD_SM4_GCM' }]),
        signer: old,
      }),
    ],
    [
      'holds an entry with a tag of 12 bytes',
      () => ({ body: certificateList(KEY, [{ signer: old, tagBytes: 12 }]), signer: old }),
    ],
    [
      'holds an entry without its fields',
      () => ({
        body: '{"data":[{"serial_no":"0E3A0001","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM"}}]}',
        signer: old,
      }),
    ],
    [
      'holds only certificates that have expired',
      () => ({ body: certificateList(KEY, [expired]), signer: expired }),
    ],
    ['is too large', () => ({ body: Buffer.alloc(5 * 1024 * 1024, 0x20), signer: old })],
    ['answers 200 with nothing of use', () => ({ body: 'null', signer: old })],
  ];

  function mixed(): string {
    const good = JSON.parse(certificateList(KEY, [old])) as { data: object[] };
    const bad = JSON.parse(certificateList('anotherTest0123456789abcdefghijk', [fresh])) as {
      data: object[];
    };
    return JSON.stringify({ data: [...good.data, ...bad.data] });
  }

  it.each(refused)('change nothing and are reported when one %s', async (_, reply) => {
    const context = connect();
    await context.http.get('/v3/x');
    const before = context.certificates.keyRing;
    platform.download = reply;
    const error = await rejection(context.certificates.refresh());
    expect(error).toMatchObject({
      code: expect.stringMatching(
        /^(?:SIGNATURE_|CERTIFICATES_INVALID|DECRYPTION_FAILED|ANSWER_TOO_LARGE)/,
      ),
    });
    expect(context.certificates.keyRing).toBe(before);
    expect(context.events.at(-1)).toMatchObject({ type: 'refresh-failed', error, failures: 1 });
    expect(context.certificates.status).toMatchObject({ lastError: error, failures: 1 });
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ status: 200 });
  });

  it.each(refused)('never become a first set of keys when one %s', async (_, reply) => {
    platform.download = reply;
    const context = connect();
    await rejection(context.http.get('/v3/x'));
    expect(context.certificates.keyRing.keys).toEqual([]);
    expect(platform.raw.count('/v3/x')).toBe(0);
  });

  it('are accepted when signed by a key they contain, by a known one, or by a configured public key', async () => {
    const context = connect({ platform: { publicKey: publicKeyOption('public') } });
    platform.listed = [old, fresh];
    for (const signer of [fresh, old, publicKey]) {
      platform.listSigner = signer;
      await context.certificates.refresh();
    }
    platform.listed = [stranger]; // down during a whole rotation
    platform.listSigner = stranger;
    await context.certificates.refresh();
    expect(context.certificates.status.failures).toBe(0);
    expect(serials(context)).toContain(stranger.id);
  });

  it('leave out an expired certificate and take the others', async () => {
    platform.listed = [expired, old];
    const context = connect();
    await context.http.get('/v3/x');
    expect(serials(context)).toEqual([old.id]);
  });

  it('never replace a newer list by an older one', async () => {
    const context = connect();
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    platform.listed = [old];
    platform.download = (reply) => ({
      ...reply,
      signature: { timestamp: String(Math.floor(platform.clock.now() / 1000) - 60) },
    });
    await context.certificates.refresh();
    expect(serials(context)).toEqual([old.id, fresh.id]);
    expect(context.events.map(({ type }) => type)).toEqual(['renewed']);
  });

  it('open with a previous APIv3 key, which is reported', async () => {
    platform.apiV3Key = 'previous0123456789abcdefghijklmn';
    const { credential } = testOptions({ baseUrl: platform.url });
    const context = connect({
      credential: {
        ...(credential as { privateKey: string; certificate: string }),
        apiV3Key: [KEY, platform.apiV3Key],
      },
    });
    await context.http.get('/v3/x');
    expect(context.events.map(({ type }) => type)).toEqual(['previous-api-v3-key-used', 'renewed']);
  });

  it('keep a certificate that is left out for the grace time, then drop it with an event', async () => {
    const context = connect({ renewal: { graceMs: DAY_MS } });
    platform.listed = [old, fresh];
    platform.signer = fresh;
    await context.http.get('/v3/x');
    platform.listed = [fresh];
    await context.certificates.refresh();
    expect(context.events.at(-1)).toMatchObject({ type: 'left-out', serials: [old.id] });
    platform.clock.advance(DAY_MS - 1000);
    await context.certificates.refresh();
    expect(context.events.at(-1)).toMatchObject({ type: 'renewed', dropped: [] });
    platform.signer = old;
    platform.listSigner = fresh;
    await context.http.get('/v3/x'); // still verifies
    platform.clock.advance(1000);
    await context.certificates.refresh();
    expect(context.events.at(-1)).toMatchObject({ type: 'renewed', dropped: [old.id] });
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'SIGNATURE_KEY_UNKNOWN',
    });
  });

  it('keep what they leave out for 24 hours unless told otherwise', async () => {
    const context = connect();
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    platform.listed = [fresh];
    platform.listSigner = fresh;
    await context.certificates.refresh();
    platform.clock.advance(DAY_MS - 1);
    expect(context.certificates.keyRing.find(old.id, platform.clock.now())?.id).toBe(old.id);
    platform.clock.advance(1);
    expect(context.certificates.keyRing.find(old.id, platform.clock.now())).toBeUndefined();
  });

  it('drop at once what they leave out without a grace time, and take it back when it is listed again', async () => {
    const context = connect({ renewal: { graceMs: 0 } });
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    platform.listed = [fresh];
    platform.listSigner = fresh;
    await context.certificates.refresh();
    expect(serials(context)).toEqual([fresh.id]);
    platform.listed = [old, fresh];
    await context.certificates.refresh();
    expect(serials(context)).toEqual([old.id, fresh.id]);
  });

  it('do not bring back what was distrusted', async () => {
    const context = connect();
    platform.listed = [old, fresh];
    platform.listSigner = fresh;
    await context.http.get('/v3/x');
    context.certificates.distrust(old.id.toLowerCase());
    expect(serials(context)).toEqual([fresh.id]);
    await context.certificates.refresh();
    expect(serials(context)).toEqual([fresh.id]);
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'SIGNATURE_KEY_UNKNOWN',
    });
    expect(context.events.map(({ type }) => type)).toContain('distrusted');
  });

  it('say that the application distrusts all that they hold, and not that the clock is wrong', async () => {
    const context = connect();
    await context.http.get('/v3/x');
    context.certificates.distrust(old.id);
    const refused = await rejection(context.certificates.refresh());
    expect(refused).toMatchObject({ code: 'CERTIFICATES_INVALID' });
    expect(refused.message).toContain('distrust()');
    expect(refused.message).not.toContain('clock');
    platform.listed = [old, expired]; // of which one has ended, and the other is distrusted
    expect((await rejection(context.certificates.refresh())).message).toContain('distrust()');
    platform.listed = [expired];
    expect((await rejection(context.certificates.refresh())).message).toContain('check the clock');
  });

  it('never let an expired certificate verify, though it was in force a moment ago', async () => {
    const notAfter = new Date(Math.floor(platform.clock.now() / 1000) * 1000 + 3_600_000);
    const soon = certificateSigner('soon', { serial: '0E3A0010', notAfter });
    platform.listed = [soon, fresh];
    platform.signer = soon;
    platform.listSigner = fresh;
    const context = connect();
    await context.http.get('/v3/x');
    platform.clock.ms = notAfter.getTime() - 1;
    await context.http.get('/v3/x');
    platform.clock.ms = notAfter.getTime();
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'SIGNATURE_KEY_UNKNOWN',
    });
  });
});
