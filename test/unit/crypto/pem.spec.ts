import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseCertificate, parsePrivateKey, parsePublicKey } from '../../../lib/crypto/index.js';
import { ecKey, makeCertificate, pem, rsaKey } from '../../support/x509.js';

const pair = rsaKey('pem');
const ec = ecKey();
const small = rsaKey('pem', 1024);
const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const pkcs1 = pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const spki = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const rsaPublic = pair.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const certificate = makeCertificate(pair);
const locked = { cipher: 'aes-256-cbc', passphrase: 'test', format: 'pem' } as const;

/** The forms in which people have them. */
const forms: readonly [string, (text: string) => string | Buffer][] = [
  ['as a file has it', (text) => text],
  ['without the last newline', (text) => text.trimEnd()],
  ['with literal \\n', (text) => text.replaceAll('\n', '\\n')],
  ['with literal \\r\\n', (text) => text.replaceAll('\n', '\\r\\n')],
  ['with CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['on one line', (text) => text.replaceAll('\n', '')],
  ['with spaces for newlines', (text) => text.replaceAll('\n', ' ')],
  ['indented as in YAML', (text) => text.replaceAll('\n', '\n    ')],
  ['with text before and after', (text) => `Bag Attributes\n  localKeyID: 01\n${text}\nmore`],
  ['with a BOM', (text) => `\uFEFF${text}`],
  ['as a Buffer', (text) => Buffer.from(text)],
  ['as a Buffer with a BOM', (text) => Buffer.from(`\uFEFF${text}`)],
];
const bare = (text: string): string => text.replace(/-----[^-]+-----|\n/g, '');
const bareForms: typeof forms = [
  ['as bare Base64', bare],
  ['as bare Base64 in lines', (text) => text.replace(/-----[^-]+-----/g, '')],
  ['as bare Base64 in a Buffer with a BOM', (text) => Buffer.from(`\uFEFF${bare(text)}`)],
];

describe('private keys', () => {
  it.each([...forms, ...bareForms])('are read %s', (_, form) => {
    for (const text of [pkcs8, pkcs1])
      expect(parsePrivateKey(form(text)).equals(pair.privateKey)).toBe(true);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['an empty Buffer', Buffer.alloc(0), 'is empty'],
    ['white space', ' \n', 'Base64 is damaged'],
    ['a certificate', certificate, 'give apiclient_key.pem, not apiclient_cert.pem'],
    ['a public key', spki, 'is a public key: give apiclient_key.pem'],
    ['a PKCS#1 public key', rsaPublic, 'is a public key: give apiclient_key.pem'],
    [
      'an encrypted PKCS#8 key',
      pair.privateKey.export({ type: 'pkcs8', ...locked }),
      'protected by a password',
    ],
    [
      'an encrypted PKCS#1 key',
      pair.privateKey.export({ type: 'pkcs1', ...locked }),
      'protected by a password',
    ],
    [
      'an EC key in PKCS#8',
      ec.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      'an RSA key is needed',
    ],
    [
      'an EC key in SEC1',
      ec.privateKey.export({ type: 'sec1', format: 'pem' }),
      'an RSA key is needed',
    ],
    [
      'a 1024-bit key',
      small.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      'is RSA-1024: at least 2048 bits',
    ],
    [
      'a 1024-bit PKCS#1 key',
      small.privateKey.export({ type: 'pkcs1', format: 'pem' }),
      'is RSA-1024: at least 2048 bits',
    ],
    ['a key without its end', pkcs8.slice(0, -30), 'END line is missing'],
    ['a key without the end of its first line', '-----BEGIN PRIVATE KEY', 'END line is missing'],
    [
      'a key whose end is of another kind',
      pkcs8.replace('END PRIVATE', 'END RSA PRIVATE'),
      'END line is missing',
    ],
    [
      'a key cut in the middle',
      pem('PRIVATE KEY', Buffer.from(bare(pkcs8).slice(0, 400), 'base64')),
      'damaged or cut off',
    ],
    ['a key with a foreign character', pkcs8.replace(/\n(.)/, '\n!'), 'Base64 is damaged'],
    ['a file name', '/etc/secrets/apiclient_key.pem', 'a file name was given'],
    ['a file of 65 KiB', 'A'.repeat(65 * 1024), 'longer than a private key'],
    [
      'a request for a certificate',
      pem('CERTIFICATE REQUEST', Buffer.from('x')),
      'damaged or cut off',
    ],
  ])('are refused with a remedy when they are %s', (_, input, remedy) => {
    let error: unknown;
    try {
      parsePrivateKey(input as string);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/^is /);
    expect((error as Error).message).toContain(remedy);
    expect((error as Error).cause).toBeUndefined();
  });

  it('never throw anything but a TypeError that shows nothing of the input', () => {
    const start = bare(pkcs8).slice(0, 600);
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.nat(600), (noise, at) => {
        const input = `-----BEGIN PRIVATE KEY-----\n${start.slice(0, at)}${noise}${start.slice(at)}\n-----END PRIVATE KEY-----`;
        try {
          parsePrivateKey(input);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          expect((error as Error).message).not.toContain(start.slice(100, 120));
        }
      }),
    );
  });
});

describe('keys that are parsed already', () => {
  it('are taken as they are', () => {
    expect(parsePrivateKey(pair.privateKey)).toBe(pair.privateKey);
    expect(parsePublicKey(pair.publicKey)).toBe(pair.publicKey);
  });

  it('are refused when they are of another kind or too small', () => {
    expect(() => parsePrivateKey(pair.publicKey)).toThrow(
      'is a public key: a private key is needed',
    );
    expect(() => parsePublicKey(pair.privateKey)).toThrow(
      'is a private key: a public key is needed',
    );
    expect(() => parsePublicKey(createSecretKey(Buffer.alloc(32)))).toThrow('is a secret key');
    expect(() => parsePrivateKey(ec.privateKey)).toThrow('is of type ec');
    expect(() => parsePublicKey(ec.publicKey)).toThrow('is of type ec');
    expect(() => parsePrivateKey(small.privateKey)).toThrow('is RSA-1024');
    expect(() => parsePublicKey(small.publicKey)).toThrow('is RSA-1024');
  });
});

describe('public keys', () => {
  it.each([...forms, ...bareForms])('are read %s', (_, form) => {
    expect(parsePublicKey(form(spki)).equals(pair.publicKey)).toBe(true);
  });

  it('are read as PKCS#1 too', () => {
    expect(parsePublicKey(rsaPublic).equals(pair.publicKey)).toBe(true);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['a certificate', certificate, 'is a certificate: give pub_key.pem'],
    ['a private key', pkcs8, 'is a private key: give pub_key.pem'],
    ['a PKCS#1 private key', pkcs1, 'is a private key: give pub_key.pem'],
    ['an EC key', ec.publicKey.export({ type: 'spki', format: 'pem' }), 'an RSA key is needed'],
    ['a 1024-bit key', small.publicKey.export({ type: 'spki', format: 'pem' }), 'is RSA-1024'],
    ['damaged', pem('PUBLIC KEY', Buffer.from('damaged')), 'damaged or cut off'],
  ])('are refused with a remedy when they are %s', (_, input, remedy) => {
    expect(() => parsePublicKey(input)).toThrow(new RegExp(remedy));
  });
});

describe('certificates', () => {
  it.each([...forms, ...bareForms])('are read %s', (_, form) => {
    expect(parseCertificate(form(certificate)).publicKey.equals(pair.publicKey)).toBe(true);
  });

  it('are the first of several', () => {
    const second = makeCertificate(rsaKey('second'));
    expect(parseCertificate(certificate + second).publicKey.equals(pair.publicKey)).toBe(true);
  });

  it.each([
    ['a private key', pkcs8, 'is a key: give apiclient_cert.pem'],
    ['a public key', spki, 'is a key: give apiclient_cert.pem'],
    ['damaged', pem('CERTIFICATE', Buffer.from('damaged')), 'damaged or cut off'],
    ['bare Base64 of a key', bare(pkcs8), 'damaged or cut off'],
  ])('are refused with a remedy when they are %s', (_, input, remedy) => {
    expect(() => parseCertificate(input)).toThrow(new RegExp(remedy));
  });
});

it('keys made here are as Node reads them', () => {
  expect(createPrivateKey(pkcs8).equals(pair.privateKey)).toBe(true);
  expect(createPublicKey(spki).equals(pair.publicKey)).toBe(true);
});
