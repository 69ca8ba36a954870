import type { Logger } from '@nestjs/common';
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
  openNotification,
  verifyNotification,
  type NotificationReceiver,
} from './receive.js';
import type { ReceivedNotification } from './received-notification.js';
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
 * @throws {WechatPayNotificationError} `NOTIFICATION_REFUSED` for what the platform never sent to this
 * merchant; any other code when it has to be tried again. It is logged already.
 */
export async function dispatchQueued(job: unknown, parts: QueuedDispatchParts): Promise<void> {
  const { receivers, dispatcher } = parts;
  const notification = await receiveAgain(job, parts);
  const { merchant } = notification;
  await dispatcher.dispatch(notification, {
    inbox: receivers.inboxOf(merchant),
    ackTimeoutMs: LONGEST_RUN_MS,
    // It was accepted for a handler. A process that has none must not make it disappear.
    unhandled: 'refuse',
  });
}

async function receiveAgain(
  job: unknown,
  { receivers, logger }: QueuedDispatchParts,
): Promise<ReceivedNotification> {
  let receiver: NotificationReceiver | undefined;
  try {
    const { merchant, ...source } = readQueued(job);
    const { headers, body, receivedAtMs } = source;
    assertPlausible(headers, receivedAtMs); // before anybody is loaded
    receiver = receivers.find(merchant) ?? (await load(merchant, receivers));
    await verifyNotification(receiver, headers, body, receivedAtMs);
    return await openNotification(receiver, source);
  } catch (error) {
    throw judge(error, receiver, logger);
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
    const isUnknown =
      error instanceof WechatPayConfigurationError && error.code === 'MERCHANT_UNKNOWN';
    throw later(isUnknown ? 'its merchant is not registered' : messageOf(error), error);
  }
  if (receiver) return receiver;
  throw later('too many merchants are looked for just now');
}

/** Which failures are the forger's, and which may be ours. */
function judge(
  error: unknown,
  receiver: NotificationReceiver | undefined,
  logger: Logger,
): WechatPayNotificationError {
  const place = receiver ? `[${receiver.name}] ` : '';
  if (isForged(error)) {
    logger.error(
      `${place}A queued notification was refused for good (${error.code}): the platform never sent it. Somebody can write to the queue's Redis: see who, and change its password`,
    );
    return refused(error.code, error);
  }
  if (error instanceof WechatPayDecryptionError) {
    logger.error(
      `${place}A queued notification that was genuine does not decrypt: credential.apiV3Key is not the APIv3 key (APIv3密钥) that it was accepted with; the queue tries again`,
    );
  } else {
    logger.warn(`${place}${messageOf(error)}; the queue tries again`);
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
