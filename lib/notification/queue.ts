import { KEPT_HEADERS } from '../certificates/index.js';
import { WechatPayNotificationError } from '../errors/index.js';
import { MAX_NOTIFICATION_BYTES } from './notify-request.js';
import { ReceivedNotification, type NotificationSource } from './received-notification.js';

/**
 * A notification on its way through a queue: what the platform sent, as it sent it, so that it can be
 * verified again. Plain data that JSON keeps as they are. The resource in the body is encrypted.
 *
 * @publicApi
 */
export interface QueuedNotification {
  /** Name of the registration that it is for. */
  readonly merchant: string;
  /** When it was accepted, in milliseconds since 1970: its signed time is compared with this. */
  readonly receivedAtMs: number;
  /** The `Wechatpay-*` fields of its signature by lower-case name, and no others. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes of the body as Base64; at most 2 MiB before that. */
  readonly body: string;
}

/**
 * Keeps accepted notifications until their handlers have succeeded. The platform is answered as soon as
 * {@link enqueue} resolves, so what it took must outlive a crash.
 *
 * @publicApi
 */
export interface NotificationQueue {
  /**
   * Resolves when the job is kept, for good.
   *
   * @throws anything when it is not, or not in time: the platform is told to come back
   */
  enqueue(job: QueuedNotification): Promise<void>;
  /**
   * Starts to work on what is queued; called once, when the application starts.
   *
   * @param process runs the handlers of a job, as it was read: it trusts nothing in it. `attempt` is how
   * often the job was given to it, from 1: what a forger may have caused is an alarm at the first one.
   * Resolves when the job is done. Rejects with a `WechatPayNotificationError`: `NOTIFICATION_REFUSED` for a job that
   * must not be tried again, anything else for one that must, later. Where `notificationId` is there, the
   * notification was verified.
   * @throws {WechatPayConfigurationError} when it must not be used as it is: the start fails
   */
  work(process: (job: QueuedNotification, attempt?: number) => Promise<void>): Promise<void>;
  /** Takes no more jobs, lets those that run finish, within a bound, and ends its connections. */
  close(): Promise<void>;
  /** How long the application waits for {@link close}, in milliseconds. @default 15000 */
  readonly closesWithinMs?: number | undefined;
}

const MAX_BODY_TEXT = Math.ceil(MAX_NOTIFICATION_BYTES / 3) * 4;
const MAX_NAME = 256;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const KNOWN: ReadonlySet<string> = new Set(KEPT_HEADERS);

/** What a queue is given of a verified notification. */
export function toQueued(notification: ReceivedNotification): QueuedNotification {
  const source = ReceivedNotification.sourceOf(notification);
  if (!source) throw new TypeError('Only what the platform has signed can be verified again');
  const { headers, body, receivedAtMs } = source;
  const kept = KEPT_HEADERS.flatMap((name): [string, string][] => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return {
    merchant: notification.merchant,
    receivedAtMs,
    headers: Object.fromEntries(kept),
    body: body.toString('base64'),
  };
}

/**
 * Reads a job of a queue, which may hold anything: only the shape counts here, the content has to prove
 * itself.
 *
 * @throws {WechatPayNotificationError} `NOTIFICATION_REFUSED` for another shape; nothing of it is quoted
 */
export function readQueued(job: unknown): { readonly merchant: string } & NotificationSource {
  if (!isObject(job)) throw refused('it is no object');
  const { merchant, receivedAtMs, headers, body } = job;
  if (typeof merchant !== 'string' || merchant.length > MAX_NAME) throw refused('it names nobody');
  if (typeof receivedAtMs !== 'number' || !Number.isSafeInteger(receivedAtMs)) {
    throw refused('it has no time');
  }
  if (!isObject(headers) || !Object.entries(headers).every(isSignedHeader)) {
    throw refused('it has other headers');
  }
  if (typeof body !== 'string' || body.length > MAX_BODY_TEXT) throw refused('it has no body');
  if (body.length % 4 !== 0 || !BASE64.test(body)) throw refused('its body is not Base64');
  return {
    merchant,
    receivedAtMs,
    headers: headers as Readonly<Record<string, string>>,
    body: Buffer.from(body, 'base64'),
  };
}

function isSignedHeader([name, value]: [string, unknown]): boolean {
  return KNOWN.has(name) && typeof value === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param why in our words: a job must not write lines of a log */
export function refused(why: string, cause?: unknown): WechatPayNotificationError {
  return new WechatPayNotificationError(
    'NOTIFICATION_REFUSED',
    `A queued notification was refused: ${why}`,
    { cause },
  );
}
