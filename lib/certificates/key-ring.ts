import type { KeyObject } from 'node:crypto';
import { isPublicKeyId, normaliseSerial } from '../crypto/index.js';

/**
 * One key of the platform that may verify what it signed.
 *
 * @publicApi
 */
export interface PlatformKey {
  /** Certificate serial number (upper-case hexadecimal) or public key id (`PUB_KEY_ID_…`). */
  readonly id: string;
  readonly kind: 'certificate' | 'publicKey';
  readonly key: KeyObject;
  /** Validity in milliseconds since 1970; a public key has none and is valid for ever. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When a complete list of the platform first left this certificate out. */
  readonly leftOutAtMs?: number | undefined;
  /** End of its use when that is before its expiry: the grace time of one that was left out. */
  readonly usableUntilMs?: number | undefined;
}

/** A certificate is accepted this long before it becomes valid: clocks differ. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * Every key of the platform that is acceptable now: an immutable snapshot.
 *
 * @publicApi
 */
export class PlatformKeyRing {
  readonly keys: readonly PlatformKey[];
  /** The platform's signed time of the certificate list in here, 0 when there was none. */
  readonly signedAtMs: number;
  readonly #byId: ReadonlyMap<string, PlatformKey>;

  constructor(keys: readonly PlatformKey[], signedAtMs = 0) {
    this.keys = Object.freeze([...keys]);
    this.signedAtMs = signedAtMs;
    const byId = new Map<string, PlatformKey>();
    for (const key of this.keys) {
      byId.set(key.id, key);
      byId.set(normaliseSerial(key.id), key);
    }
    this.#byId = byId;
  }

  /** The key of this serial or id, when it may verify at this time. An expired one never does. */
  find(serial: string, nowMs: number): PlatformKey | undefined {
    const key = this.#byId.get(serial) ?? this.#byId.get(normaliseSerial(serial));
    return key && isValidAt(key, nowMs) ? key : undefined;
  }

  /** Whether anything at all can be verified at this time. */
  canVerify(nowMs: number): boolean {
    for (const key of this.keys) if (isValidAt(key, nowMs)) return true;
    return false;
  }

  /**
   * The certificate that encrypts for the platform: of those valid now and still listed by it, the
   * one that became valid last.
   */
  newestCertificate(nowMs: number): PlatformKey | undefined {
    let newest: PlatformKey | undefined;
    for (const key of this.keys) {
      if (key.kind !== 'certificate' || key.leftOutAtMs !== undefined) continue;
      if (nowMs < key.notBeforeMs || nowMs >= key.notAfterMs) continue;
      if (!newest || key.notBeforeMs > newest.notBeforeMs) newest = key;
    }
    return newest;
  }
}

/** Makes the ring entry of a configured WeChat Pay public key. */
export function publicKeyEntry(id: string, key: KeyObject): PlatformKey {
  if (!isPublicKeyId(id)) throw new RangeError('A public key id looks like PUB_KEY_ID_0123…');
  return Object.freeze({
    id,
    kind: 'publicKey',
    key,
    notBeforeMs: Number.NEGATIVE_INFINITY,
    notAfterMs: Number.POSITIVE_INFINITY,
  });
}

/** What {@link mergeCertificates} found beside the new set. */
export interface RingChanges {
  readonly added: readonly string[];
  /** Left out of the platform's list for the first time; kept for the grace time. */
  readonly leftOut: readonly string[];
  /** Gone: expired, or left out for longer than the grace time. */
  readonly dropped: readonly string[];
}

/**
 * What the ring becomes when a complete, verified list of certificates arrives: the list replaces
 * the set, and a certificate that it leaves out is kept for a grace time.
 *
 * @param listed the certificates of the list; never empty
 */
export function mergeCertificates(
  ring: PlatformKeyRing,
  listed: readonly PlatformKey[],
  signedAtMs: number,
  rules: { nowMs: number; graceMs: number },
): { ring: PlatformKeyRing; changes: RingChanges } {
  const listedIds = new Set(listed.map((key) => normaliseSerial(key.id)));
  const held = new Set(ring.keys.map((key) => normaliseSerial(key.id)));
  const kept: PlatformKey[] = [];
  const leftOut: string[] = [];
  const dropped: string[] = [];
  for (const key of ring.keys) {
    if (key.kind === 'publicKey') kept.push(key);
    else if (!listedIds.has(normaliseSerial(key.id))) {
      const { leftOutAtMs = rules.nowMs } = key;
      const left = Object.freeze({
        ...key,
        leftOutAtMs,
        usableUntilMs: leftOutAtMs + rules.graceMs,
      });
      if (endOfUse(left) <= rules.nowMs) dropped.push(key.id);
      else {
        kept.push(left);
        if (key.leftOutAtMs === undefined) leftOut.push(key.id);
      }
    }
  }
  return {
    ring: new PlatformKeyRing([...kept, ...listed], signedAtMs),
    changes: {
      added: listed.filter((key) => !held.has(normaliseSerial(key.id))).map((key) => key.id),
      leftOut,
      dropped,
    },
  };
}

function isValidAt(key: PlatformKey, nowMs: number): boolean {
  return nowMs >= key.notBeforeMs - CLOCK_TOLERANCE_MS && nowMs < endOfUse(key);
}

function endOfUse(key: PlatformKey): number {
  return Math.min(key.notAfterMs, key.usableUntilMs ?? key.notAfterMs);
}
