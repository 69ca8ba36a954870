import { createHash, randomBytes, type KeyObject } from 'node:crypto';

/**
 * Every certificate serial of the emulator starts with these hex digits, so that software meant
 * for production can refuse them. The leading zero is on purpose: it finds code that turns serials
 * into numbers.
 *
 * @publicApi
 */
export const EMULATOR_SERIAL_PREFIX = '0E3A11A7';

/**
 * Every WeChat Pay public key id of the emulator starts like this; 24 digits follow.
 *
 * @publicApi
 */
export const EMULATOR_PUBLIC_KEY_ID_PREFIX = `PUB_KEY_ID_${EMULATOR_SERIAL_PREFIX}`;

/**
 * Every APIv3 key of the emulator starts with these 12 characters; 20 letters and digits follow.
 *
 * @publicApi
 */
export const EMULATOR_API_V3_KEY_PREFIX = 'emulatorOnly';

/** The merchant that every emulator has. @publicApi */
export const EMULATOR_MCHID = '1900000001';

/** The appid of the merchant that every emulator has. @publicApi */
export const EMULATOR_APPID = 'wxemulator00000001';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A fresh certificate serial: 40 upper-case hex digits. @internal */
export function newSerial(): string {
  return EMULATOR_SERIAL_PREFIX + randomBytes(16).toString('hex').toUpperCase();
}

/** The id of a WeChat Pay public key, derived from the key itself. @internal */
export function publicKeyIdOf(publicKey: KeyObject): string {
  const digest = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  const digits = BigInt(`0x${digest}`).toString().padStart(24, '0').slice(-24);
  return EMULATOR_PUBLIC_KEY_ID_PREFIX + digits;
}

/** The APIv3 key that belongs to a merchant's private key: 32 characters, always the same. @internal */
export function apiV3KeyOf(privateKey: KeyObject): string {
  const digest = createHash('sha256')
    .update('nestjs-wechatpay-emulator APIv3 key')
    .update(privateKey.export({ type: 'pkcs8', format: 'der' }))
    .digest();
  return EMULATOR_API_V3_KEY_PREFIX + spell(digest.subarray(0, 20));
}

/** Random letters and digits. @internal */
export function randomText(length: number): string {
  return spell(randomBytes(length));
}

/** Random decimal digits. @internal */
export function randomDigits(length: number): string {
  return Array.from(randomBytes(length), (byte) => byte % 10).join('');
}

function spell(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
}
