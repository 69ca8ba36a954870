import { describe, expect, it } from '@jest/globals';
import {
  mergeCertificates,
  PlatformKeyRing,
  publicKeyEntry,
  type PlatformKey,
} from '../../lib/certificates/key-ring.js';
import { rsaKey } from '../support/x509.js';

const key = rsaKey('ring').publicKey;
const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const certificate = (id: string, more: Partial<PlatformKey> = {}): PlatformKey => ({
  id,
  kind: 'certificate',
  key,
  notBeforeMs: NOW - HOUR,
  notAfterMs: NOW + HOUR,
  ...more,
});
const publicKey = publicKeyEntry('PUB_KEY_ID_01', key);
const rules = { nowMs: NOW, graceMs: HOUR };

describe('the key ring', () => {
  it('finds a certificate by its serial in any case, with or without leading zeros', () => {
    const ring = new PlatformKeyRing([certificate('00AB12')]);
    for (const serial of ['00AB12', 'AB12', 'ab12', '000ab12'])
      expect(ring.find(serial, NOW)?.id).toBe('00AB12');
    for (const serial of ['AB1', 'AB120', '', '__proto__', 'constructor'])
      expect(ring.find(serial, NOW)).toBeUndefined();
  });

  it('finds a public key by its exact id, at any time', () => {
    const ring = new PlatformKeyRing([publicKey]);
    for (const now of [0, NOW, Number.MAX_SAFE_INTEGER])
      expect(ring.find('PUB_KEY_ID_01', now)).toBe(publicKey);
    for (const id of ['PUB_KEY_ID_1', 'PUB_KEY_ID_001', 'PUB_KEY_ID_01 '])
      expect(ring.find(id, NOW)).toBeUndefined();
  });

  it('lets a certificate verify up to its last millisecond and not in the next', () => {
    const ring = new PlatformKeyRing([certificate('A', { notAfterMs: NOW })]);
    expect([ring.find('A', NOW - 1)?.id, ring.find('A', NOW), ring.find('A', NOW + HOUR)]).toEqual([
      'A',
      undefined,
      undefined,
    ]);
    expect([ring.canVerify(NOW - 1), ring.canVerify(NOW)]).toEqual([true, false]);
  });

  it('accepts a certificate five minutes before its time, for clocks differ', () => {
    const ring = new PlatformKeyRing([certificate('A', { notBeforeMs: NOW })]);
    expect(ring.find('A', NOW - 300_000)?.id).toBe('A');
    expect(ring.find('A', NOW - 300_001)).toBeUndefined();
  });

  it('encrypts with the certificate that became valid last, of those valid and listed', () => {
    const ring = new PlatformKeyRing([
      publicKey,
      certificate('OLD', { notBeforeMs: NOW - 9 * HOUR }),
      certificate('NEW', { notBeforeMs: NOW }),
      certificate('MIDDLE', { notBeforeMs: NOW - 5 * HOUR }),
      certificate('FUTURE', { notBeforeMs: NOW + 1 }),
      certificate('EXPIRED', { notBeforeMs: NOW, notAfterMs: NOW }),
      certificate('GONE', { notBeforeMs: NOW, leftOutAtMs: NOW }),
    ]);
    expect(ring.newestCertificate(NOW)?.id).toBe('NEW');
    const leftOut = certificate('GONE', { notBeforeMs: NOW, leftOutAtMs: NOW });
    const older = certificate('OLD', { notBeforeMs: NOW - 9 * HOUR });
    expect(new PlatformKeyRing([older, leftOut]).newestCertificate(NOW)?.id).toBe('OLD');
    expect(new PlatformKeyRing([publicKey]).newestCertificate(NOW)).toBeUndefined();
  });

  it('is empty and verifies nothing at first', () => {
    const ring = new PlatformKeyRing([]);
    expect([ring.canVerify(NOW), ring.signedAtMs, ring.keys]).toEqual([false, 0, []]);
  });

  it('refuses an id that is none', () => {
    for (const id of ['', 'ABCD', 'PUB_KEY_ID_'])
      expect(() => publicKeyEntry(id, key)).toThrow(RangeError);
  });
});

describe('a complete list', () => {
  it('replaces the certificates, keeps public keys, and says what changed', () => {
    const ring = new PlatformKeyRing([publicKey, certificate('A'), certificate('B')], 1);
    const merged = mergeCertificates(ring, [certificate('0b'), certificate('C')], 2, rules);
    expect(merged.changes).toEqual({ added: ['C'], leftOut: ['A'], dropped: [] });
    expect(merged.ring.keys.map(({ id }) => id)).toEqual(['PUB_KEY_ID_01', 'A', '0b', 'C']);
    expect(merged.ring.signedAtMs).toBe(2);
    expect(ring.keys).toHaveLength(3); // the old snapshot stays what it was
  });

  it('counts the grace time from the first list that leaves a certificate out', () => {
    let ring = new PlatformKeyRing([
      certificate('A', { notAfterMs: NOW + 9 * HOUR }),
      certificate('B', { notAfterMs: NOW + 9 * HOUR }),
    ]);
    const listed = [certificate('B', { notAfterMs: NOW + 9 * HOUR })];
    const steps = [0, HOUR / 2, HOUR - 1, HOUR].map((ms) => {
      const merged = mergeCertificates(ring, listed, ms, { ...rules, nowMs: NOW + ms });
      ring = merged.ring;
      return merged.changes;
    });
    expect(steps.map(({ leftOut }) => leftOut)).toEqual([['A'], [], [], []]);
    expect(steps.map(({ dropped }) => dropped)).toEqual([[], [], [], ['A']]);
  });

  it('drops an expired certificate that it leaves out, grace time or not', () => {
    const ring = new PlatformKeyRing([certificate('A', { notAfterMs: NOW }), certificate('B')]);
    expect(mergeCertificates(ring, [certificate('B')], 1, rules).changes).toEqual({
      added: [],
      leftOut: [],
      dropped: ['A'],
    });
  });

  it('lets a certificate that was left out verify for the grace time and no longer', () => {
    const held = new PlatformKeyRing([certificate('A', { notAfterMs: NOW + 100 * HOUR })]);
    const { ring } = mergeCertificates(held, [certificate('B')], 1, rules);
    expect(ring.find('A', NOW + HOUR - 1)?.id).toBe('A');
    expect(ring.find('A', NOW + HOUR)).toBeUndefined();
  });
});
