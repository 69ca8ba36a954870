import type { KeyObject } from 'node:crypto';
import type { MerchantCredential } from './credential.js';

/** Keys that were replaced and still open what was encrypted for them. */
export interface Predecessor {
  readonly apiV3Key: KeyObject | undefined;
  readonly privateKey: KeyObject | undefined;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/** More than anyone rotates within the time that predecessors are kept. */
const MAX_PREDECESSORS = 8;

/** Whether two credentials are the same in everything that a source delivers. */
export function isSameCredential(one: MerchantCredential, other: MerchantCredential): boolean {
  return (
    one.serialNo === other.serialNo &&
    one.certificate === other.certificate &&
    one.signer === other.signer &&
    isSameKey(one.privateKey, other.privateKey) &&
    one.apiV3Keys.length === other.apiV3Keys.length &&
    one.apiV3Keys.every((key, index) => isSameKey(key, other.apiV3Keys[index]))
  );
}

/**
 * Whether a key was replaced and its serial number was not. A serial number is one certificate's, and
 * a certificate one key's: the platform would refuse every signature.
 */
export function hasOldSerial(held: MerchantCredential, next: MerchantCredential): boolean {
  const { privateKey, serialNo } = next;
  if (!held.privateKey || !privateKey || held.serialNo !== serialNo) return false;
  return !isSameKey(held.privateKey, privateKey);
}

/** The predecessors after `held` was replaced by `next`: what is no longer current, newest first. */
export function succeed(
  predecessors: readonly Predecessor[],
  held: MerchantCredential,
  next: MerchantCredential,
  untilMs: number,
): readonly Predecessor[] {
  const [heldKey] = held.apiV3Keys;
  const apiV3Key = isSameKey(heldKey, next.apiV3Keys[0]) ? undefined : heldKey;
  const privateKey = isSameKey(held.privateKey, next.privateKey) ? undefined : held.privateKey;
  if (!apiV3Key && !privateKey) return predecessors;
  return [{ apiV3Key, privateKey, untilMs }, ...predecessors].slice(0, MAX_PREDECESSORS);
}

/** Who is still needed at this time. */
export function stillValid(
  predecessors: readonly Predecessor[],
  nowMs: number,
): readonly Predecessor[] {
  return predecessors.filter(({ untilMs }) => untilMs > nowMs);
}

/** The snapshot that signs as `current` and opens for the predecessors too. */
export function withPredecessors(
  current: MerchantCredential,
  predecessors: readonly Predecessor[],
): MerchantCredential {
  const apiV3Keys = [...current.apiV3Keys];
  const previousPrivateKeys: KeyObject[] = [];
  for (const { apiV3Key, privateKey } of predecessors) {
    if (apiV3Key && !apiV3Keys.some((key) => isSameKey(key, apiV3Key))) apiV3Keys.push(apiV3Key);
    if (privateKey && !isSameKey(privateKey, current.privateKey)) {
      previousPrivateKeys.push(privateKey);
    }
  }
  return Object.freeze({
    ...current,
    apiV3Keys: Object.freeze(apiV3Keys),
    previousPrivateKeys: Object.freeze(previousPrivateKeys),
  });
}

/** Whether two keys, either of which may be missing, are the same. */
export function isSameKey(one: KeyObject | undefined, other: KeyObject | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}
