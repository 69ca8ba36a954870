import { clientOptions, type EmulatorClientOptions } from '../client-options.js';
import { EmulatorClock } from '../clock/clock.js';
import { EMULATOR_MCHID } from '../keys/identifiers.js';
import { defaultKeysDir, KeyStore } from '../keys/key-store.js';
import { MerchantRegistry, type MerchantRecord } from '../keys/merchants.js';
import { PlatformKeys } from '../keys/platform-keys.js';
import { completePayload } from '../notifications/default-payload.js';
import {
  NotificationFactory,
  type EmulatorNotificationOverrides,
  type EmulatorSignedNotification,
} from '../notifications/notification-factory.js';
import { readEvent } from '../notifications/event-name.js';
import { isObject } from '../validation/shape-validator.js';
import { certificateList, type EmulatorCertificateList } from './certificate-list.js';

/** Options for `WechatPayModule.forRoot()` without a platform to call. @publicApi */
export interface TestNotificationOptions extends EmulatorClientOptions {
  /** Holds the platform's certificates, which nobody is there to download from. */
  readonly store: EmulatorCertificateList;
}

/** Nobody listens there: a call by mistake is refused at once. */
const nowhere = 'http://127.0.0.1:9';

/**
 * Encrypts and signs a notification for a test that has no platform: post its headers and body to
 * your route, configured with {@link testNotificationOptions}.
 *
 * The first call of a process reads the emulator's keys of this machine, or makes them (RSA, a tenth
 * of a second and more each), which is why it is asynchronous. An application with the options of a
 * {@link WechatPayEmulator} on the same keys accepts it too.
 *
 * @param event an event type; `TYPE/original_type` where one has several payloads, such as
 * `TRANSACTION.SUCCESS/profitsharing`
 * @param payload what differs from a usual payload. `TRANSACTION.SUCCESS` and `REFUND.*` are made
 * complete, with fresh numbers; a field that is `undefined` is left out. Other events carry it as it is
 * @param overrides what a test wants otherwise, also what must be refused. `signer` is `public-key`
 * by default; `mchid` may be any number, whose keys are made when they are missing
 * @throws {TypeError} for an event or a payload that is none, a signer that there is not
 * @throws {Error} when the keys cannot be written: set `XDG_CACHE_HOME` to a folder that can
 * @publicApi
 */
export async function createTestNotification(
  event: string,
  payload: object = {},
  overrides: EmulatorNotificationOverrides = {},
): Promise<EmulatorSignedNotification> {
  const named = readEvent(event);
  const originalType = overrides.originalType ?? named.originalType;
  if (!isObject(payload)) throw new TypeError('a payload is an object');
  const kit = await openKit();
  const { mchid, appid } = await merchantOf(kit, overrides.mchid);
  const facts = { mchid, appid, nowMs: kit.clock.now() };
  const { eventType } = named;
  const complete = completePayload(eventType, named.originalType ?? originalType, payload, facts);
  return kit.factory.create(eventType, complete, {
    signer: 'public-key',
    ...overrides,
    ...(originalType !== undefined && { originalType }),
  });
}

/**
 * Ready options for `WechatPayModule.forRoot()` that accept what {@link createTestNotification} makes,
 * signed with the public key or with the platform certificate. No network: there is no platform
 * behind them, so calls of the client fail at once.
 *
 * @param overrides replaces what is here; another `mchid` gets keys of its own
 * @throws {Error} as {@link createTestNotification}
 * @publicApi
 */
export async function testNotificationOptions<T extends object = object>(
  overrides?: T & { readonly mchid?: string },
): Promise<Omit<TestNotificationOptions, keyof T> & T> {
  const kit = await openKit();
  const merchant = await merchantOf(kit, overrides?.mchid);
  const own: TestNotificationOptions = {
    ...clientOptions(merchant, kit.keys, nowhere),
    store: certificateList(kit.keys, kit.clock, merchant),
  };
  return Object.assign({}, own, overrides);
}

interface Kit {
  readonly keys: PlatformKeys;
  readonly merchants: MerchantRegistry;
  readonly clock: EmulatorClock;
  readonly factory: NotificationFactory;
}

/** By folder: reading the keys costs some milliseconds, once. */
const kits = new Map<string, Promise<Kit>>();

function openKit(folder = defaultKeysDir()): Promise<Kit> {
  const open = kits.get(folder);
  if (open !== undefined) return open;
  const opened = newKit(folder);
  kits.set(folder, opened);
  opened.catch(() => kits.delete(folder));
  return opened;
}

async function newKit(folder: string): Promise<Kit> {
  const store = new KeyStore(folder);
  const keys = await PlatformKeys.open(store, 'both');
  const merchants = new MerchantRegistry(store);
  const clock = new EmulatorClock(() => Date.now()); // the one of fake timers, when there are some
  return {
    keys,
    merchants,
    clock,
    factory: new NotificationFactory(merchants, keys, clock, EMULATOR_MCHID),
  };
}

/** Two calls at the same time make the same record of the same kept key. */
async function merchantOf({ merchants }: Kit, mchid = EMULATOR_MCHID): Promise<MerchantRecord> {
  return merchants.find(mchid) ?? merchants.add({ mchid });
}
