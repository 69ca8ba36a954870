import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A key pair made for tests, useless elsewhere. */
export interface TestKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsaKeys = new Map<string, TestKeyPair>();

/** An RSA key pair by name, made once in a test file: making one takes a tenth of a second and more. */
export function rsaKey(name: string, modulusLength = 2048): TestKeyPair {
  const id = `${name}/${modulusLength}`;
  const made = rsaKeys.get(id) ?? generateKeyPairSync('rsa', { modulusLength });
  rsaKeys.set(id, made);
  return made;
}

/** An EC key pair, which the platform never uses. */
export function ecKey(): TestKeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** What a test certificate says. */
export interface TestCertificateFacts {
  /** Hexadecimal. @default a random one starting `0E` */
  readonly serial?: string;
  readonly commonName?: string;
  /** @default a day ago */
  readonly notBefore?: Date;
  /** @default in a year */
  readonly notAfter?: Date;
  /** Signs the certificate. @default the key itself */
  readonly issuer?: KeyObject;
  /** Common name of the issuer. @default that of the certificate */
  readonly issuerName?: string;
}

const DAY_MS = 86_400_000;

/** Makes an X.509 v1 certificate as PEM: nothing but a serial, a name, two dates and a key. */
export function makeCertificate(
  { publicKey, privateKey }: TestKeyPair,
  facts: TestCertificateFacts = {},
): string {
  const {
    serial = `0E${randomBytes(19).toString('hex')}`,
    commonName = 'Tenpay.com sign test',
    notBefore = new Date(Date.now() - DAY_MS),
    notAfter = new Date(Date.now() + 365 * DAY_MS),
    issuer = privateKey,
    issuerName = commonName,
  } = facts;
  const algorithm = sequence(oid('2a864886f70d01010b'), der(0x05));
  const tbs = sequence(
    integer(serial),
    algorithm,
    nameOf(issuerName),
    sequence(time(notBefore), time(notAfter)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', tbs, issuer)]);
  return pem('CERTIFICATE', sequence(tbs, algorithm, der(0x03, signature)));
}

/** PEM text with lines of 64 characters. */
export function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName, 'utf8')))));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

/** DER keeps no leading zero bytes but one in front of a high bit. */
function integer(hex: string): Buffer {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const bytes = Buffer.from(even.replace(/^(?:00)+(?=..)/, ''), 'hex');
  return der(0x02, (bytes[0] ?? 0) >= 128 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** GeneralizedTime. */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text, 'latin1'));
}
