import type { KeyObject } from 'node:crypto';
import type { PlatformKey } from '../certificates/index.js';
import type { MerchantCredential } from '../merchant/index.js';

/** Marks that the emulator puts on everything it makes, so that it can be told apart. */
const SERIAL_MARK = '0E3A11A7';
const PUBLIC_KEY_MARK = `PUB_KEY_ID_${SERIAL_MARK}`;
const API_V3_KEY_MARK = 'emulatorOnly';

/** Finds keys of the emulator, whose private halves lie on developers' machines. */
export function emulatorCredentialProblems(credential: MerchantCredential): string[] {
  const problems: string[] = [];
  if (credential.serialNo.startsWith(SERIAL_MARK)) {
    problems.push(
      'credential.certificate is one of the emulator: it must not be used in production',
    );
  }
  const isMarked = (key: KeyObject): boolean =>
    key.export().toString('latin1').startsWith(API_V3_KEY_MARK);
  if (credential.apiV3Keys.some(isMarked)) {
    problems.push('credential.apiV3Key is one of the emulator: it must not be used in production');
  }
  return problems;
}

/** The same for public keys of the platform. */
export function emulatorPublicKeyProblems(publicKeys: readonly PlatformKey[]): string[] {
  return publicKeys.some(({ id }) => id.startsWith(PUBLIC_KEY_MARK))
    ? ['platform.publicKey is one of the emulator: it must not be used in production']
    : [];
}
