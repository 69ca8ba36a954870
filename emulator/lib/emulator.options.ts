import { defaultKeysDir } from './keys/key-store.js';
import { EMULATOR_APPID, EMULATOR_MCHID } from './keys/identifiers.js';
import type { EmulatorMerchantOptions } from './keys/merchants.js';
import type { EmulatorMode } from './keys/platform-keys.js';

/** How to start an emulator. It always binds to 127.0.0.1. @publicApi */
export interface WechatPayEmulatorOptions {
  /** 0 to 65535; 0 takes a free one. @default 0 */
  readonly port?: number;
  /** Which keys the platform has for its merchants. @default 'both' */
  readonly mode?: EmulatorMode;
  /** Where keys are kept. @default a folder in the user's cache folder */
  readonly keysDir?: string;
  /** Multiplies the intervals between re-sends of a notification; 0.001 makes 15 s 15 ms. @default 1 */
  readonly scale?: number;
  /** The base of the emulator's clock, milliseconds. @default Date.now */
  readonly now?: () => number;
  /** The first merchant. @default 1900000001 with wxemulator00000001 */
  readonly merchant?: EmulatorMerchantOptions;
  /** Goes into `options()` as `notifyUrl`. */
  readonly notifyUrl?: string;
  /** Whether notifications may go to addresses that are not loopback. @default false */
  readonly allowRemoteNotify?: boolean;
  /** How long a notification waits for its answer, milliseconds, 1 to 60 000. @default 5000 */
  readonly notifyTimeoutMs?: number;
  /** How long a refund is being processed, milliseconds; `Infinity`: until told. @default 500 */
  readonly refundDelayMs?: number;
  /**
   * In mode `both`: whether the switch to the public key has been started (开始更换). Before that,
   * `Wechatpay-Serial` on a request changes nothing. @default true
   */
  readonly publicKeyMigration?: boolean;
  /** In mode `both`: the part of the notifications that the public key signs, 0 to 1. @default 0 */
  readonly publicKeyShare?: number;
  /** How many orders, and how many refunds, are remembered; the oldest go first. @default 100000 */
  readonly maxOrders?: number;
  /** How many notifications are remembered; the oldest go first. @default 1000 */
  readonly maxNotifications?: number;
}

/** Options with every default filled in. @internal */
export type ResolvedEmulatorOptions = Required<Omit<WechatPayEmulatorOptions, 'notifyUrl'>> &
  Pick<WechatPayEmulatorOptions, 'notifyUrl'>;

const modes: readonly string[] = ['certificates', 'public-key', 'both'];

/** @throws {RangeError} naming the option that is out of range @internal */
export function resolveOptions(options: WechatPayEmulatorOptions): ResolvedEmulatorOptions {
  const resolved: ResolvedEmulatorOptions = {
    port: options.port ?? 0,
    mode: options.mode ?? 'both',
    keysDir: options.keysDir ?? defaultKeysDir(),
    scale: options.scale ?? 1,
    now: options.now ?? Date.now,
    merchant: { mchid: EMULATOR_MCHID, appids: [EMULATOR_APPID], ...options.merchant },
    notifyUrl: options.notifyUrl,
    allowRemoteNotify: options.allowRemoteNotify ?? false,
    notifyTimeoutMs: options.notifyTimeoutMs ?? 5000,
    refundDelayMs: options.refundDelayMs ?? 500,
    publicKeyMigration: options.publicKeyMigration ?? true,
    publicKeyShare: options.publicKeyShare ?? 0,
    maxOrders: options.maxOrders ?? 100_000,
    maxNotifications: options.maxNotifications ?? 1000,
  };
  if (!modes.includes(resolved.mode))
    throw new RangeError(`mode must be one of ${modes.join(', ')}`);
  check('port', resolved.port, 0, 65_535, true);
  check('scale', resolved.scale, 0, 1000);
  check('notifyTimeoutMs', resolved.notifyTimeoutMs, 1, 60_000);
  check('refundDelayMs', resolved.refundDelayMs, 0, Infinity);
  check('publicKeyShare', resolved.publicKeyShare, 0, 1);
  check('maxOrders', resolved.maxOrders, 1, 10_000_000, true);
  check('maxNotifications', resolved.maxNotifications, 1, 1_000_000, true);
  return resolved;
}

function check(name: string, value: number, min: number, max: number, whole = false): void {
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return;
  throw new RangeError(
    `${name} must be ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`,
  );
}
