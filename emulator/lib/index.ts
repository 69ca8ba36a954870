export { WechatPayEmulator } from './emulator.js';
export type { EmulatorPlatformCertificate, EmulatorPublicKey } from './emulator.js';
export type { EmulatorBillChanges } from './bills/bill.service.js';
export type { EmulatorClientOptions } from './client-options.js';
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
export type {
  EmulatorMerchant,
  EmulatorMerchantCertificate,
  EmulatorMerchantOptions,
} from './keys/merchants.js';
export type { EmulatorMode, RotationPhase } from './keys/platform-keys.js';
export type {
  EmulatorNotificationOverrides,
  EmulatorSignedNotification,
} from './notifications/notification-factory.js';
export type {
  EmulatorNotificationAttempt,
  EmulatorNotificationRecord,
} from './notifications/notification-entry.js';
export type {
  EmulatorNotifyAllOptions,
  EmulatorNotifyEvent,
  EmulatorNotifyFacts,
  EmulatorNotifyOptions,
  EmulatorNotifySettings,
} from './notifications/notify-options.js';
export type { EmulatorOrderReference } from './orders/order.service.js';
export type { EmulatorRefundOutcome } from './refunds/refund.service.js';
export {
  createTestNotification,
  testNotificationOptions,
  type TestNotificationOptions,
} from './testing/test-notification.js';
export type { EmulatorCertificateList } from './testing/certificate-list.js';
