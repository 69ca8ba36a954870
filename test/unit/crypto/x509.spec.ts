import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  certificateFacts,
  isCertificateSerial,
  isPublicKeyId,
  normaliseSerial,
  parseCertificate,
} from '../../../lib/crypto/index.js';
import { makeCertificate, rsaKey } from '../../support/x509.js';

const pair = rsaKey('x509');
const hex = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefABCDEF'),
  minLength: 1,
  maxLength: 40,
});

describe('facts of a certificate', () => {
  it('keep the leading zero of a serial number, in upper case', () => {
    for (const serial of ['0E3A11A7', '0a1b', 'FF00', '7F']) {
      const facts = certificateFacts(parseCertificate(makeCertificate(pair, { serial })));
      expect(facts.serialNo).toBe(serial.toUpperCase());
    }
  });

  it('hold validity, key and common name', () => {
    const notBefore = new Date('2026-01-02T03:04:05Z');
    const notAfter = new Date('2051-02-03T04:05:06Z');
    const text = makeCertificate(pair, { commonName: '1900000001', notBefore, notAfter });
    expect(certificateFacts(parseCertificate(text))).toMatchObject({
      commonName: '1900000001',
      notBeforeMs: notBefore.getTime(),
      notAfterMs: notAfter.getTime(),
    });
    expect(certificateFacts(parseCertificate(text)).publicKey.equals(pair.publicKey)).toBe(true);
  });

  it('bear a subject without a common name', () => {
    const { commonName } = certificateFacts({
      serialNumber: 'ab',
      subject: 'O=Nobody',
      validFrom: 'Jan  1 00:00:00 2026 GMT',
      validTo: 'Jan  1 00:00:00 2027 GMT',
      publicKey: pair.publicKey,
    } as never);
    expect(commonName).toBeUndefined();
  });
});

describe('serial numbers', () => {
  it('compare alike whatever their case and leading zeros', () => {
    fc.assert(
      fc.property(hex, fc.nat(5), (serial, zeros) => {
        const padded = '0'.repeat(zeros) + serial;
        expect(normaliseSerial(padded.toLowerCase())).toBe(normaliseSerial(serial.toUpperCase()));
        expect(BigInt(`0x${normaliseSerial(padded)}`)).toBe(BigInt(`0x${serial}`));
      }),
    );
    expect(normaliseSerial('0000')).toBe('0');
  });

  it('leave ids of public keys as they are', () => {
    expect(normaliseSerial('PUB_KEY_ID_00ab')).toBe('PUB_KEY_ID_00ab');
  });

  it('are told from ids of public keys, and both from everything else', () => {
    expect(isPublicKeyId('PUB_KEY_ID_0116')).toBe(true);
    expect(isCertificateSerial('0E3A11A7')).toBe(true);
    for (const text of [
      '',
      'PUB_KEY_ID_',
      'pub_key_id_01',
      'PUB_KEY_ID_01 ',
      `PUB_KEY_ID_${'0'.repeat(65)}`,
      'PUB_KEY_ID_01\n',
      'G',
      '0x1F',
      '__proto__',
      'constructor',
      '0'.repeat(41),
      '1F\n',
    ]) {
      expect([text, isPublicKeyId(text)]).toEqual([text, false]);
      expect([text, isCertificateSerial(text)]).toEqual([text, false]);
    }
    fc.assert(fc.property(hex, (serial) => isCertificateSerial(serial) && !isPublicKeyId(serial)));
  });
});
