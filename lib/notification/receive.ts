import type { KeyObject } from 'node:crypto';
import {
  assertFresh,
  readSignedHeaders,
  verifySigned,
  type PlatformKey,
  type PlatformKeySource,
  type SignedHeaderSource,
} from '../certificates/index.js';
import { openAead, type AeadBox } from '../crypto/index.js';
import { WechatPayDecryptionError } from '../errors/index.js';
import { Deadline } from '../transport/index.js';
import { asObject, parseShape, readEnvelope, refuse, type Envelope } from './envelope.js';
import { kindOf, originalTypeOf } from './event-key.js';
import type { NotificationTally } from './notification-tally.js';
import {
  ReceivedNotification,
  type NotificationPlaces,
  type NotificationSource,
} from './received-notification.js';

/** What a notification is received for; a `MerchantContext` has all of it. */
export interface NotificationReceiver extends NotificationPlaces {
  readonly name: string;
  readonly mchid: string;
  readonly certificates: PlatformKeySource & {
    reportApiV3Key(type: 'api-v3-key-wrong' | 'previous-api-v3-key-used'): void;
  };
  readonly notifications: NotificationTally;
  readonly credentials: {
    readonly credential: { readonly apiV3Keys: readonly KeyObject[] } | undefined;
    get(): Promise<{ readonly apiV3Keys: readonly KeyObject[] }>;
  };
}

// The platform gives up after five seconds; what is left is for the handler.
const KEY_WAIT_MS = 2_000;

// Where money has moved the payload says whose it is; other events do not always.
const NAMES_ITS_MERCHANT = /^(?:TRANSACTION|REFUND)\./;
const PROFIT_SHARING = 'TRANSACTION.SUCCESS/profitsharing';

/**
 * Checks all that can be checked without knowing the merchant: headers and time window.
 *
 * @throws {WechatPaySignatureError} for anything that cannot verify
 */
export function assertPlausible(rawHeaders: SignedHeaderSource, nowMs: number): void {
  assertFresh(readSignedHeaders(rawHeaders), nowMs);
}

/**
 * Verifies and opens a notification. What is at hand is not waited for.
 *
 * @param left time that is left for it, in milliseconds, of which a key or a credential may take two seconds
 * @returns a promise only when a key or the credential has to be fetched
 * @throws as {@link verifyNotification} and {@link openNotification}
 */
export function receiveNotification(
  receiver: NotificationReceiver,
  source: NotificationSource,
  left: () => number,
): ReceivedNotification | Promise<ReceivedNotification> {
  const { headers, body, receivedAtMs } = source;
  const verifying = verifyNotification(receiver, headers, body, receivedAtMs, left);
  return verifying
    ? verifying.then(() => openNotification(receiver, source, left))
    : openNotification(receiver, source, left);
}

/**
 * Checks that the platform signed these bytes just now.
 *
 * The cheap checks come first: a request that is malformed or stale costs no key and no download.
 *
 * @param left time for a key that has to be fetched, in milliseconds; two seconds at most
 * @returns a promise only when a key has to be fetched
 * @throws {WechatPaySignatureError} for anything that does not verify
 */
export function verifyNotification(
  receiver: NotificationReceiver,
  rawHeaders: SignedHeaderSource,
  body: Buffer,
  nowMs: number,
  left: () => number = () => KEY_WAIT_MS,
): void | Promise<void> {
  // a key that does not come in time is not known
  const wait = (key: Promise<PlatformKey | undefined>): Promise<PlatformKey | undefined> =>
    within(left(), key).catch(() => undefined);
  const asked = { from: 'notification', wait } as const;
  return verifySigned(receiver.certificates, rawHeaders, body, nowMs, asked);
}

/**
 * Opens a notification that {@link verifyNotification} accepted: parse, decrypt, and check that it
 * is for this merchant.
 *
 * @param left time for a credential that has to be loaded, in milliseconds; two seconds at most
 * @returns a promise only when the credential has to be loaded
 * @throws {WechatPayDecryptionError} the APIv3 key is not the platform's
 * @throws {WechatPayRequestError} the content has another shape, or is another merchant's
 * @see Source: 微信支付 证书和回调报文解密
 */
export function openNotification(
  receiver: NotificationReceiver,
  source: NotificationSource,
  left: () => number = () => KEY_WAIT_MS,
): ReceivedNotification | Promise<ReceivedNotification> {
  const envelope = readEnvelope(source.body);
  const { credentials } = receiver;
  if (credentials.credential) {
    return openEnvelope(receiver, source, envelope, credentials.credential);
  }
  return within(left(), credentials.get()).then((credential) =>
    openEnvelope(receiver, source, envelope, credential),
  );
}

function openEnvelope(
  receiver: NotificationReceiver,
  source: NotificationSource,
  envelope: Envelope,
  { apiV3Keys }: { readonly apiV3Keys: readonly KeyObject[] },
): ReceivedNotification {
  const payload =
    asObject(parseShape(decrypt(receiver, envelope.box, apiV3Keys))) ??
    refuse('its payload is not an object');
  const { id, eventType, createTime, summary } = envelope;
  const originalType = originalTypeOf(eventType, envelope.originalType, payload);
  if (!isFor(receiver.mchid, kindOf(eventType, originalType), payload)) {
    refuse(`it is for another merchant than ${receiver.mchid}`);
  }
  const { name: merchant, mchid } = receiver;
  const content = {
    id,
    eventType,
    createTime,
    originalType,
    summary,
    merchant,
    mchid,
    payload,
  };
  return new ReceivedNotification(content, source, receiver);
}

/** Whether the payload names this merchant, where it names one. */
function isFor(mchid: string, kind: string, payload: Readonly<Record<string, unknown>>): boolean {
  const owner = payload['sp_mchid'] ?? payload['combine_mchid'] ?? payload['mchid'];
  if (owner === mchid) return true;
  // The receiver of a share is notified of a payment that is another merchant's.
  if (kind === PROFIT_SHARING) {
    return asObject(payload['receiver'])?.['account'] === mchid;
  }
  return owner === undefined && !NAMES_ITS_MERCHANT.test(kind);
}

function decrypt(receiver: NotificationReceiver, box: AeadBox, keys: readonly KeyObject[]): Buffer {
  try {
    const { plaintext, keyIndex } = openAead(box, keys);
    if (keyIndex > 0) receiver.certificates.reportApiV3Key('previous-api-v3-key-used');
    return plaintext;
  } catch (error) {
    receiver.certificates.reportApiV3Key('api-v3-key-wrong');
    throw error;
  }
}

/**
 * Whether an error of {@link openNotification} is an event already, `api-v3-key-wrong`, and so a line
 * of the log. One of {@link verifyNotification} is not, however often it is met.
 */
export function isSaidByEvent(receiver: NotificationReceiver, error: unknown): boolean {
  const isFromDownload = error === receiver.certificates.status.lastError;
  return error instanceof WechatPayDecryptionError && !isFromDownload;
}

/** Waits for keys no longer than the platform's patience allows. */
async function within<T>(waitMs: number, keys: Promise<T>): Promise<T> {
  const deadline = new Deadline(Math.min(Math.max(waitMs, 1), KEY_WAIT_MS));
  try {
    return await deadline.race(keys);
  } finally {
    deadline.dispose();
  }
}
