import { textOf } from '../orders/order.js';
import type { EmulatorParts } from '../platform/parts.js';
import type { JsonObject } from '../validation/shape-validator.js';
import { completePayload } from './default-payload.js';
import { NotificationBatch, type BatchItem } from './notification-batch.js';
import { toRecord, type EmulatorNotificationRecord } from './notification-entry.js';
import { readNotifyRequest, type CheckedEvent } from './notify-options.js';

/** What sending needs of an emulator. @internal */
export type NotifyParts = Pick<
  EmulatorParts,
  'options' | 'merchants' | 'merchant' | 'orders' | 'notifier' | 'clock' | 'scheduler'
>;

/**
 * Sends what is asked for, whatever has happened to orders and refunds, and waits until every
 * notification is taken or given up.
 *
 * @returns one record for each event, in the order of the request
 * @throws {TypeError} for a request that makes no sense, a merchant that there is not
 * @throws {RangeError} for what is out of range
 * @internal
 */
export async function sendNotifications(
  parts: NotifyParts,
  input: JsonObject,
): Promise<readonly EmulatorNotificationRecord[]> {
  const { events, settings } = readNotifyRequest(input);
  const items = events.map((event) => toItem(parts, event));
  const { scale = parts.options.scale } = settings;
  const batch = new NotificationBatch(parts, items, { ...settings, scale });
  await batch.run();
  return batch.entries.map(toRecord);
}

function toItem(parts: NotifyParts, event: CheckedEvent): BatchItem {
  const { eventType, originalType, payload: given, copies, url, mchid, ...overrides } = event;
  const merchant = parts.merchants.get(mchid ?? parts.merchant.mchid);
  const facts = { mchid: merchant.mchid, appid: merchant.appid, nowMs: parts.clock.now() };
  const payload = completePayload(eventType, originalType, given, facts);
  const target = url ?? orderUrl(parts, merchant.mchid, event) ?? parts.options.notifyUrl;
  if (target === undefined) {
    throw new TypeError('there is no url: name one, or start the emulator with notifyUrl');
  }
  const order = {
    merchant,
    url: target,
    eventType,
    payload,
    overrides: { ...overrides, ...(originalType !== undefined && { originalType }) },
  };
  return { order, copies };
}

/** Where the order of a payment wants to be notified. */
function orderUrl(
  { orders }: NotifyParts,
  mchid: string,
  { eventType, payload }: CheckedEvent,
): string | undefined {
  const { out_trade_no: outTradeNo, sub_mchid: subMchid } = payload;
  if (!eventType.startsWith('TRANSACTION.') || typeof outTradeNo !== 'string') return undefined;
  const owner = { mchid, ...(typeof subMchid === 'string' && { subMchid }) };
  const order = orders.find(owner, outTradeNo);
  return order && textOf(order, 'notify_url');
}
