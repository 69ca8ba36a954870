import type { EmulatorNotificationOverrides, WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidNotification } from './notifications.js';
import type { PlatformName, PostOptions, RawBodyMode } from './notify-app.js';

/** Statuses by combination, where a framework's parser answers before the guard can. */
export type Statuses = number | ((platform: PlatformName, mode: RawBodyMode) => number);

/** One thing that a stranger, or a broken platform, may send. */
export interface HostileCase {
  readonly name: string;
  readonly status: Statuses;
  make(emulator: WechatPayEmulator): PostOptions;
}

/** A signed notification with overrides. */
export function signed(
  name: string,
  overrides: (emulator: WechatPayEmulator) => EmulatorNotificationOverrides,
  status: Statuses = 401,
): HostileCase {
  return {
    name,
    status,
    make: (emulator) => paidNotification(emulator, overrides(emulator)),
  };
}

/** A genuine notification whose headers were changed on the way. */
export function withHeaders(
  name: string,
  change: (headers: Record<string, string | string[]>) => void,
  status: Statuses = 401,
): HostileCase {
  return {
    name,
    status,
    make: (emulator) => {
      const { headers, body } = paidNotification(emulator);
      const changed: Record<string, string | string[]> = { ...headers };
      change(changed);
      return { headers: changed, body };
    },
  };
}

/** The status that a case must be answered with. */
export function statusOf(hostile: HostileCase, platform: PlatformName, mode: RawBodyMode): number {
  return typeof hostile.status === 'number' ? hostile.status : hostile.status(platform, mode);
}
