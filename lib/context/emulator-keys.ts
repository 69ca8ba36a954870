import type { PlatformKey } from '../certificates/index.js';
import type { CredentialSource, MerchantCredential } from '../merchant/index.js';

/** Marks that the emulator puts on everything it makes, so that it can be told apart. */
const SERIAL_MARK = '0E3A11A7';
const PUBLIC_KEY_MARK = `PUB_KEY_ID_${SERIAL_MARK}`;
const API_V3_KEY_MARK = 'emulatorOnly';

/** Finds keys of the emulator, whose private halves lie on developers' machines. */
export function emulatorProblems(
  credential: CredentialSource | MerchantCredential | undefined,
  publicKeys: readonly PlatformKey[],
): string[] {
  const problems: string[] = [];
  if (credential && 'serialNo' in credential) {
    if (credential.serialNo.startsWith(SERIAL_MARK)) {
      problems.push(
        'credential.certificate is one of the emulator: it must not be used in production',
      );
    }
    if (
      credential.apiV3Keys.some((key) =>
        key.export().toString('latin1').startsWith(API_V3_KEY_MARK),
      )
    ) {
      problems.push(
        'credential.apiV3Key is one of the emulator: it must not be used in production',
      );
    }
  }
  if (publicKeys.some(({ id }) => id.startsWith(PUBLIC_KEY_MARK))) {
    problems.push('platform.publicKey is one of the emulator: it must not be used in production');
  }
  return problems;
}
