import { createCipheriv, pbkdf2Sync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import {
  credentialFrom,
  fromValue,
  WechatPayCertificateError,
  type CredentialField,
} from 'nestjs-wechatpay';
import forge from 'node-forge';
import { Subject } from 'rxjs';
import { fromP12 } from '../../../lib/stores/p12/index.js';
import { IterationBudget } from '../../../lib/stores/p12/pbe.js';
import { nextEmission } from '../../support/emissions.js';
import { describeWithOpenssl, forgeP12, opensslP12 } from '../../support/p12.js';
import { Secrets } from '../../support/secrets.js';
import { makeCertificate, rsaKey } from '../../support/x509.js';

const { signal } = new AbortController();
const password = '1900000001';
const pair = rsaKey('merchant');
const certificate = makeCertificate(pair, { commonName: password });
const key = pair.privateKey;
const apiV3Key = 'k'.repeat(32);
const secrets = new Secrets(['hunter2', String(key.export({ type: 'pkcs8', format: 'pem' }))]);
const small = forgeP12(key, certificate, password, { count: 2 });

const load = (file: Uint8Array, word: Parameters<typeof fromP12>[1] = password) =>
  credentialFrom({ ...fromP12(file, word), apiV3Key }).load(signal);

async function failureOf(loading: Promise<unknown>): Promise<string> {
  const error: unknown = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WechatPayCertificateError);
  expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
  secrets.expectNoneInError(error);
  return (error as Error).message;
}

async function expectWhole(file: Uint8Array, word = password): Promise<void> {
  const material = await load(file, word);
  expect(key.equals(material.privateKey as typeof key)).toBe(true);
  expect(material.certificate).toBe(certificate.trim());
}

describe('an apiclient_cert.p12', () => {
  it('gives a key and its certificate', () => expectWhole(small));

  it('is read from a file and watched, once for both', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'wechatpay-p12-'));
    try {
      const path = join(directory, 'apiclient_cert.p12');
      writeFileSync(path, small);
      const source = credentialFrom({ ...fromP12(path, password), apiV3Key });
      expect((await source.load(signal)).certificate).toBe(certificate.trim());
      const emission = nextEmission(source.changes);
      const other = rsaKey('other');
      const renewed = makeCertificate(other);
      writeFileSync(`${path}.new`, forgeP12(other.privateKey, renewed, password, { count: 2 }));
      renameSync(`${path}.new`, path);
      await emission;
      expect((await source.load(signal)).certificate).toBe(renewed.trim());
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is opened once a load, and anew at the next', async () => {
    const bytes = { load: jest.fn(() => Promise.resolve(Buffer.from(small))) };
    const source = credentialFrom({ ...fromP12(bytes, password), apiV3Key });
    await source.load(signal);
    expect(bytes.load).toHaveBeenCalledTimes(1);
    await source.load(signal);
    expect(bytes.load).toHaveBeenCalledTimes(2);
  });

  it('takes its password from a field, without the line break at its end', async () => {
    const word = Buffer.from(`${password}\n`);
    await load(small, { load: () => Promise.resolve(word) });
    expect(word).toEqual(Buffer.alloc(word.length));
    await load(small, fromValue(`${password}\r\n`));
  });

  it('changes when file or password do, and ends when one of these watches does', () => {
    const [bytes, word] = [new Subject<void>(), new Subject<void>()];
    const field = (changes: Subject<void>): CredentialField => ({
      load: () => Promise.resolve(''),
      changes,
    });
    const seen: string[] = [];
    fromP12(field(bytes), field(word)).privateKey.changes?.subscribe({
      next: () => seen.push('changed'),
      complete: () => seen.push('ended'),
    });
    bytes.next();
    word.next();
    word.complete();
    expect(seen).toEqual(['changed', 'changed', 'ended']);
    expect(fromP12(small, password).privateKey.changes).toBeUndefined();
  });

  it('names the password when it is wrong, and what it usually is', async () => {
    expect(await failureOf(load(small, 'hunter2'))).toMatch(
      /the PKCS#12 file \(apiclient_cert.p12\) does not open with the password: .* is the mchid/,
    );
  });

  it('is refused with a changed byte', async () => {
    for (const at of [40, Math.floor(small.length / 2), small.length - 60]) {
      const damaged = Buffer.from(small);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(await failureOf(load(damaged))).toMatch(/PKCS#12/);
    }
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a PEM', Buffer.from(certificate)],
    ['half of it', small.subarray(0, small.length / 2)],
    ['endless nesting', Buffer.alloc(60_000, Buffer.from('3080', 'hex'))],
  ])('is refused as %s', async (_what, bytes) => {
    expect(await failureOf(load(bytes))).toMatch(/is no PKCS#12 file, or damaged/);
  });

  it('is refused as any other bytes, without another error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(small.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
        async (at, bytes) => {
          const damaged = Buffer.from(small);
          damaged.set(bytes.subarray(0, damaged.length - at), at);
          if (damaged.equals(small)) return;
          const outcome: unknown = await load(damaged).catch((error: unknown) => error);
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(WechatPayCertificateError);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is refused when it is larger than 1 MiB', async () => {
    expect(await failureOf(load(Buffer.alloc(2 ** 20 + 1)))).toMatch(/is larger than 1 MiB/);
  });

  it('is refused when a field delivers it as text', async () => {
    const source = credentialFrom({ ...fromP12(fromValue('text'), password), apiV3Key });
    expect(await failureOf(source.load(signal))).toMatch(/is a text: give the bytes/);
  });

  it.each([100_001, 2 ** 31 - 1])(
    'is refused when it wants %d iterations, before any of them',
    async (count) => {
      const hostile = withMacIterations(
        forgeP12(key, certificate, password, { count: 257 }),
        count,
      );
      const startedAt = performance.now();
      expect(await failureOf(load(hostile))).toMatch(/wants more than 100000 iterations/);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    },
  );

  it('may spend so many iterations and no more in total', () => {
    const number = (hex: string) => ({ value: Buffer.from(hex, 'hex').toString('latin1') });
    const spend = (budget: IterationBudget, hex: string): number =>
      budget.spend(number(hex) as Parameters<IterationBudget['spend']>[0]);
    const budget = new IterationBudget();
    for (let times = 0; times < 5; times++) expect(spend(budget, '0186a0')).toBe(100_000);
    expect(() => spend(budget, '01')).toThrow(/wants more than/);
    expect(() => spend(new IterationBudget(), '0186a1')).toThrow(/wants more than/);
    expect(() => spend(new IterationBudget(), 'ff'.repeat(100))).toThrow(/wants more than/);
    expect(() => spend(new IterationBudget(), '00')).toThrow(/count is missing/);
    expect(spend(new IterationBudget(), '000000000001')).toBe(1);
  });

  it('lets others have the event loop while it is opened', async () => {
    const slow = forgeP12(key, certificate, password, { count: 5_000 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    try {
      await load(slow);
    } finally {
      clearInterval(timer);
    }
    expect(turns).toBeGreaterThan(5);
  });
});

describeWithOpenssl('an apiclient_cert.p12 made by openssl', () => {
  const make = (...options: string[]): Buffer =>
    opensslP12({ key, certificates: [certificate] }, password, ...options);

  it.each([
    ['of today, PBES2 with AES-256', []],
    [
      'of the platform: RC2-40 and 3DES',
      ['-legacy', '-certpbe', 'PBE-SHA1-RC2-40', '-keypbe', 'PBE-SHA1-3DES'],
    ],
    ['with 3DES for all', ['-legacy', '-descert']],
    [
      'with RC2-128 and 2-key 3DES',
      ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-2DES'],
    ],
    ['with AES-128 and AES-192', ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC']],
    ['with PBES2 and 3DES', ['-certpbe', 'DES-EDE3-CBC', '-keypbe', 'DES-EDE3-CBC']],
    ['sealed with SHA-512', ['-macalg', 'sha512']],
    ['sealed with SHA-1', ['-macalg', 'sha1']],
    ['without a seal', ['-nomac']],
    ['without encryption', ['-certpbe', 'NONE', '-keypbe', 'NONE']],
    ['with a name in Chinese', ['-name', '商户']],
  ] as [string, string[]][])('opens %s', (_kind, options) => expectWhole(make(...options)));

  it('opens with a password of other letters', async () => {
    const words = ['密码', 'pässword', `${randomBytes(40).toString('hex')}`];
    for (const word of words) {
      await expectWhole(opensslP12({ key, certificates: [certificate] }, word), word);
    }
  });

  it.each([['-nomac'], ['-macalg', 'sha256']])(
    'names a wrong password with %s',
    async (...options) => {
      expect(await failureOf(load(make(...options), 'hunter2'))).toMatch(/does not open with/);
    },
  );

  it('picks the certificate of the key from a chain', async () => {
    const authority = makeCertificate(rsaKey('other'), { commonName: 'CA' });
    await expectWhole(opensslP12({ key, certificates: [certificate, authority] }, password));
  });

  it('is refused with several certificates of its key', async () => {
    const again = makeCertificate(pair, { commonName: password });
    const file = opensslP12({ key, certificates: [certificate, again] }, password);
    expect(await failureOf(load(file))).toMatch(/holds several certificates of its private key/);
  });

  it('is refused without a key', async () => {
    const file = opensslP12({ certificates: [certificate] }, password);
    expect(await failureOf(load(file))).toMatch(/holds no private key/);
  });

  it.each(['ChaCha20', 'AES-256-CTR'])(
    'is refused with a cipher nobody uses: %s',
    async (cipher) => {
      let file: Buffer;
      try {
        file = make('-keypbe', cipher);
      } catch {
        return; // not of this openssl
      }
      expect(await failureOf(load(file))).toMatch(/in a way that is not supported/);
    },
  );
});

describe('a PKCS#12 file of unusual parts', () => {
  const { asn1 } = forge;
  const sequence = (...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts);
  const explicit = (...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0 as forge.asn1.Type, true, parts);
  const oid = (dotted: string): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes());
  const octets = (bytes: Buffer): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes.toString('latin1'));
  const pieces = (bytes: Buffer): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, true, [
      octets(bytes.subarray(0, 10)),
      octets(bytes.subarray(10)),
    ]);
  const integer = (value: number): forge.asn1.Asn1 =>
    asn1.create(
      asn1.Class.UNIVERSAL,
      asn1.Type.INTEGER,
      false,
      asn1.integerToDer(value).getBytes(),
    );
  const der = (node: forge.asn1.Asn1): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1');
  const DATA = '1.2.840.113549.1.7.1';
  const data = (bytes: Buffer, wrap = octets): forge.asn1.Asn1 =>
    sequence(oid(DATA), explicit(wrap(bytes)));
  const bag = (kind: string, value: forge.asn1.Asn1): forge.asn1.Asn1 =>
    sequence(oid(`1.2.840.113549.1.12.10.1.${kind}`), explicit(value));
  const keyBag = (of = key): forge.asn1.Asn1 =>
    bag('1', asn1.fromDer(of.export({ type: 'pkcs8', format: 'der' }).toString('latin1')));
  const certificateBag = (text = certificate, type = '1'): forge.asn1.Asn1 =>
    bag(
      '3',
      sequence(
        oid(`1.2.840.113549.1.9.22.${type}`),
        explicit(octets(new X509Certificate(text).raw)),
      ),
    );
  const file = (infos: forge.asn1.Asn1[], wrap = octets, ...mac: forge.asn1.Asn1[]): Buffer =>
    der(sequence(integer(3), data(der(sequence(...infos)), wrap), ...mac));
  const bags = (...contents: forge.asn1.Asn1[]): Buffer => file([data(der(sequence(...contents)))]);
  const shrouded = (algorithm: forge.asn1.Asn1): Buffer =>
    bags(bag('2', sequence(algorithm, octets(Buffer.alloc(64)))), certificateBag());
  const pbes2 = (kdf: string, prf: string, cipher: string, count = 1): forge.asn1.Asn1 =>
    sequence(
      oid('1.2.840.113549.1.5.13'),
      sequence(
        sequence(oid(kdf), sequence(octets(Buffer.alloc(8)), integer(count), sequence(oid(prf)))),
        sequence(oid(cipher), octets(Buffer.alloc(16))),
      ),
    );
  const mac = (hash: string, salt: Buffer, ...count: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
    sequence(sequence(sequence(oid(hash)), octets(Buffer.alloc(20))), octets(salt), ...count);
  const PBKDF2 = '1.2.840.113549.1.5.12';
  const HMAC = '1.2.840.113549.2.9';
  const AES = '2.16.840.1.101.3.4.1.42';
  const SHA1 = '1.3.14.3.2.26';
  const PBE = '1.2.840.113549.1.12.1.';

  it('opens in pieces, as BER allows', () =>
    expectWhole(file([data(der(sequence(keyBag(), certificateBag())), pieces)], pieces)));

  it('opens beside what is no concern of ours', () =>
    expectWhole(
      bags(keyBag(), certificateBag(certificate, '2'), bag('5', integer(1)), certificateBag()),
    ));

  it('opens when it names no digest for its key: SHA-1 then', () => {
    const salt = Buffer.alloc(8, 1);
    const iv = Buffer.alloc(16, 2);
    const derived = pbkdf2Sync(password, salt, 3, 32, 'sha1');
    const cipher = createCipheriv('aes-256-cbc', derived, iv);
    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
    const sealed = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
    const algorithm = sequence(
      oid('1.2.840.113549.1.5.13'),
      sequence(
        sequence(oid(PBKDF2), sequence(octets(salt), integer(3))),
        sequence(oid(AES), octets(iv)),
      ),
    );
    return expectWhole(bags(bag('2', sequence(algorithm, octets(sealed))), certificateBag()));
  });

  const own = sequence(keyBag(), certificateBag());
  it.each<[string, () => Buffer, RegExp]>([
    ['two keys', () => bags(keyBag(), keyBag(), certificateBag()), /several private keys/],
    ['no certificate', () => bags(keyBag()), /holds no certificate: export it together/],
    [
      'foreign certificates',
      () => bags(keyBag(), certificateBag(makeCertificate(rsaKey('other')))),
      /holds no certificate of its private key/,
    ],
    [
      'very many entries',
      () => bags(...Array.from({ length: 65 }, () => certificateBag())),
      /more than 64 entries/,
    ],
    ['nothing', () => bags(), /holds no private key/],
    ['a text', () => file([data(Buffer.from('text'))]), /is no PKCS#12 file, or damaged/],
    ['an empty bag', () => bags(sequence()), /is no PKCS#12 file, or damaged/],
    [
      'a key bag without a key',
      () => bags(sequence(oid('1.2.840.113549.1.12.10.1.1'), explicit())),
      /or damaged/,
    ],
    [
      'a cipher that is no identifier',
      () => shrouded(sequence(sequence(), sequence(octets(Buffer.alloc(8)), integer(1)))),
      /or damaged/,
    ],
    ['no salt of its key', () => shrouded(sequence(oid(`${PBE}3`), sequence())), /or damaged/],
    [
      'an empty salt of its seal',
      () => file([], octets, mac(SHA1, Buffer.alloc(0))),
      /does not open with/,
    ],
    ['a broken key', () => bags(bag('1', integer(1))), /is no PKCS#12 file, or damaged/],
    [
      'a seal made with a key',
      () => der(sequence(integer(3), sequence(oid('1.2.840.113549.1.7.2'), explicit(own)))),
      /is sealed with a key/,
    ],
    [
      'contents for a key',
      () => file([sequence(oid('1.2.840.113549.1.7.3'), explicit(own))]),
      /is encrypted with a key/,
    ],
    [
      'an unknown seal',
      () => file([], octets, mac('1.2.3', Buffer.alloc(8))),
      /supported \(1.2.3\)/,
    ],
    ['a wrong seal', () => file([], octets, mac(SHA1, Buffer.alloc(8))), /does not open with/],
    [
      'a long salt of its seal',
      () => file([], octets, mac(SHA1, Buffer.alloc(1_025), integer(1))),
      /salt of more than 1 KiB/,
    ],
    [
      'a long salt of its key',
      () => shrouded(sequence(oid(`${PBE}3`), sequence(octets(Buffer.alloc(1_025)), integer(1)))),
      /salt of more than 1 KiB/,
    ],
    [
      'RC4',
      () => shrouded(sequence(oid(`${PBE}1`), sequence(octets(Buffer.alloc(8)), integer(1)))),
      /not supported \(1.2.840.113549.1.12.1.1\)/,
    ],
    [
      'RC2 and another password',
      () => shrouded(sequence(oid(`${PBE}6`), sequence(octets(Buffer.alloc(8)), integer(1)))),
      /does not open with the password/,
    ],
    [
      'scrypt',
      () => shrouded(pbes2('1.3.6.1.4.1.11591.4.11', HMAC, AES)),
      /not supported: use AES/,
    ],
    ['another cipher', () => shrouded(pbes2(PBKDF2, HMAC, '1.2.3')), /not supported: use AES/],
    [
      'another derivation',
      () => shrouded(pbes2(PBKDF2, '1.2.3', AES)),
      /not supported: use SHA-256/,
    ],
    [
      'too many iterations inside',
      () => shrouded(pbes2(PBKDF2, HMAC, AES, 100_001)),
      /wants more than/,
    ],
    ['no iterations', () => shrouded(pbes2(PBKDF2, HMAC, AES, 0)), /or damaged/],
  ])('is refused with %s', async (_what, make, problem) => {
    expect(await failureOf(load(make()))).toMatch(problem);
  });
});

/** Writes another number over the iterations of the MAC, which stand at the very end of the file. */
function withMacIterations(file: Buffer, count: number): Buffer {
  // 257 is 0x0101: a number of two bytes; the new one has the size of four in a longer file
  const at = file.lastIndexOf(Buffer.from('02020101', 'hex'));
  expect(at).toBe(file.length - 4);
  const number = Buffer.alloc(6, Buffer.from('0204', 'hex'));
  number.writeUInt32BE(count, 2);
  const longer = Buffer.concat([file.subarray(0, at), number]);
  growLengths(longer, 2);
  return longer;
}

/** The outermost sequence and that of the MAC became longer. */
function growLengths(file: Buffer, by: number): void {
  expect(file.subarray(0, 2).toString('hex')).toBe('3082');
  file.writeUInt16BE(file.readUInt16BE(2) + by, 2);
  for (let at = file.length - 6; at > 0; at--) {
    if (file[at] === 0x30 && (file[at + 1] ?? 0) + 2 + at + by === file.length) {
      file[at + 1] = (file[at + 1] ?? 0) + by;
      return;
    }
  }
  throw new Error('the sequence of the MAC was not found');
}
