import type { Logger } from '@nestjs/common';
import { withTrace } from '../diagnostics/index.js';
import {
  WechatPayConfigurationError,
  WechatPayDecryptionError,
  WechatPayError,
  WechatPayNotificationError,
  WechatPayRequestError,
  WechatPaySignatureError,
} from '../errors/index.js';
import type { NotificationDispatcher } from './dispatcher.js';
import { LONGEST_RUN_MS } from './inbox.js';
import { readQueued, refused } from './queue.js';
import {
  assertPlausible,
  isSaidByEvent,
  openNotification,
  verifyNotification,
  type NotificationReceiver,
} from './receive.js';
import { ReceivedNotification } from './received-notification.js';
import type { NotificationReceivers } from './receivers.js';

/** What jobs are brought through. */
export interface QueuedDispatchParts {
  readonly receivers: NotificationReceivers;
  readonly dispatcher: NotificationDispatcher;
  readonly logger: Logger;
}

/**
 * Runs the handlers of one queued job. Whoever can write to the queue is a stranger: everything that
 * was checked when the platform delivered it is checked again, against the time of acceptance.
 *
 * @param attempt how often this job was tried, from 1
 * @throws {WechatPayNotificationError} `NOTIFICATION_REFUSED` for what the platform never sent to this
 * merchant; any other code when it has to be tried again. It is logged already.
 */
export async function dispatchQueued(
  job: unknown,
  parts: QueuedDispatchParts,
  attempt: number = 1,
): Promise<void> {
  const { receivers, dispatcher } = parts;
  const notification = await receiveAgain(job, parts, attempt);
  const { inbox = receivers.inbox } = ReceivedNotification.placesOf(notification);
  await dispatcher.dispatch(notification, {
    inbox,
    ackTimeoutMs: LONGEST_RUN_MS,
    // It was accepted for a handler. A process that has none must not make it disappear.
    unhandled: 'refuse',
  });
}

async function receiveAgain(
  job: unknown,
  { receivers, logger }: QueuedDispatchParts,
  attempt: number,
): Promise<ReceivedNotification> {
  let receiver: NotificationReceiver | undefined;
  try {
    const { merchant, ...source } = readQueued(job);
    const { headers, body, receivedAtMs } = source;
    assertPlausible(headers, receivedAtMs); // before anybody is loaded
    receiver = receivers.find(merchant) ?? (await load(merchant, receivers));
    await verifyNotification(receiver, headers, body, receivedAtMs);
    receivers.used(receiver.name);
    return await openNotification(receiver, source);
  } catch (error) {
    throw judge(error, { receiver, logger, attempt });
  }
}

/** Whatever fails on the way to a merchant is no fault of the job. */
async function load(
  merchant: string,
  receivers: NotificationReceivers,
): Promise<NotificationReceiver> {
  let receiver: NotificationReceiver | undefined;
  try {
    receiver = await receivers.load(merchant);
  } catch (error) {
    const why = isUnknownMerchant(error) ? 'its merchant is not registered' : messageOf(error);
    throw later(why, error);
  }
  if (receiver) return receiver;
  throw later('too many merchants are looked for just now');
}

/** Which failures are the forger's, which may be ours, and which may be either's. */
function judge(
  error: unknown,
  {
    receiver,
    logger,
    attempt,
  }: {
    readonly receiver: NotificationReceiver | undefined;
    readonly logger: Logger;
    readonly attempt: number;
  },
): WechatPayNotificationError {
  const place = receiver ? `[${receiver.name}] ` : '';
  if (isForged(error)) {
    const line = `${place}A queued notification was refused for good (${error.code}): the platform never sent it. Somebody can write to the queue's Redis: see who, and change its password`;
    logger.error(withTrace(line));
    return refused(error.code, error);
  }
  if (receiver && isSaidByEvent(receiver, error)) {
    const line = `${place}A queued notification waits for the right APIv3 key: it is tried again`;
    logger.warn(withTrace(line));
  } else if (error instanceof WechatPayDecryptionError) {
    logger.error(withTrace(`${place}${messageOf(error)}; the queue tries again`));
  } else if (attempt === 1 && mayBeForged(error)) {
    const line = `${place}${messageOf(error)}; the queue tries again. If it was there when the notification was accepted, it is missing here; if not, somebody can write to the queue's Redis`;
    logger.error(withTrace(line));
  } else {
    logger.warn(withTrace(`${place}${messageOf(error)}; the queue tries again`));
  }
  return error instanceof WechatPayNotificationError ? error : later(messageOf(error), error);
}

/**
 * A signature that does not match, a time that does not fit, content of somebody else. An unknown key is
 * not among them: it may have left this process's key ring since, or cannot be downloaded just now.
 */
function isForged(error: unknown): error is WechatPayError {
  if (error instanceof WechatPaySignatureError) return error.code !== 'SIGNATURE_KEY_UNKNOWN';
  return (
    error instanceof WechatPayRequestError ||
    (error instanceof WechatPayNotificationError && error.code === 'NOTIFICATION_REFUSED')
  );
}

/** A key or a merchant that is not known here: a forger can name any. */
function mayBeForged(error: unknown): boolean {
  if (error instanceof WechatPaySignatureError) return true; // the others are forged for sure
  const cause: unknown = error instanceof WechatPayNotificationError ? error.cause : undefined;
  return isUnknownMerchant(cause);
}

function isUnknownMerchant(error: unknown): boolean {
  return error instanceof WechatPayConfigurationError && error.code === 'MERCHANT_UNKNOWN';
}

function later(why: string, cause?: unknown): WechatPayNotificationError {
  return new WechatPayNotificationError(
    'NOTIFICATION_FAILED',
    `A queued notification has to wait: ${why}`,
    { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof WechatPayError
    ? error.message
    : 'something failed on the way to its merchant';
}
