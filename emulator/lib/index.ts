export { WechatPayEmulator } from './emulator.js';
export type {
  EmulatorClientOptions,
  EmulatorPlatformCertificate,
  EmulatorPublicKey,
} from './emulator.js';
export type { WechatPayEmulatorOptions } from './emulator.options.js';
export type { EmulatorKeyState } from './control/control.service.js';
export type { EmulatorFault, EmulatorFaultKind } from './faults/fault.js';
export {
  EMULATOR_API_V3_KEY_PREFIX,
  EMULATOR_APPID,
  EMULATOR_MCHID,
  EMULATOR_PUBLIC_KEY_ID_PREFIX,
  EMULATOR_SERIAL_PREFIX,
} from './keys/identifiers.js';
export { defaultKeysDir } from './keys/key-store.js';
export type { EmulatorMerchant, EmulatorMerchantOptions } from './keys/merchants.js';
export type { EmulatorMode, RotationPhase } from './keys/platform-keys.js';
export type {
  EmulatorNotificationOverrides,
  EmulatorSignedNotification,
} from './notifications/notification-factory.js';
export type {
  EmulatorNotificationAttempt,
  EmulatorNotificationRecord,
} from './notifications/notifier.js';
export type { EmulatorOrderReference } from './orders/order.service.js';
export type { EmulatorRefundOutcome } from './refunds/refund.service.js';
