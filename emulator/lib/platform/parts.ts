import { Authenticator } from '../auth/authenticator.js';
import { billOperations } from '../bills/bill.operations.js';
import { BillService } from '../bills/bill.service.js';
import { certificateOperations } from '../certificates/certificates.operations.js';
import { EmulatorClock } from '../clock/clock.js';
import { Scheduler } from '../clock/scheduler.js';
import type { ResolvedEmulatorOptions } from '../emulator.options.js';
import { FaultRegistry } from '../faults/fault-registry.js';
import { KeyStore } from '../keys/key-store.js';
import { MerchantRegistry, type MerchantRecord } from '../keys/merchants.js';
import { PlatformKeys } from '../keys/platform-keys.js';
import { NotificationFactory } from '../notifications/notification-factory.js';
import { Notifier } from '../notifications/notifier.js';
import { OrderBook } from '../orders/order-book.js';
import { orderOperations } from '../orders/order.operations.js';
import { OrderService } from '../orders/order.service.js';
import { refundOperations } from '../refunds/refund.operations.js';
import { RefundService } from '../refunds/refund.service.js';
import { EmulatorAddress } from './address.js';
import { AnswerWriter } from './answer-writer.js';
import { OperationTable } from './operation.js';

/** Everything that one emulator is made of. @internal */
export interface EmulatorParts {
  readonly options: ResolvedEmulatorOptions;
  readonly address: EmulatorAddress;
  readonly clock: EmulatorClock;
  readonly scheduler: Scheduler;
  readonly keys: PlatformKeys;
  readonly merchants: MerchantRegistry;
  readonly merchant: MerchantRecord;
  readonly faults: FaultRegistry;
  readonly factory: NotificationFactory;
  readonly notifier: Notifier;
  readonly orders: OrderService;
  readonly refunds: RefundService;
  readonly bills: BillService;
  readonly authenticator: Authenticator;
  readonly answers: AnswerWriter;
  readonly operations: OperationTable;
}

/** Puts one emulator together. Nothing is shared with another one but the key files. @internal */
export async function assemble(options: ResolvedEmulatorOptions): Promise<EmulatorParts> {
  const store = new KeyStore(options.keysDir);
  const merchants = new MerchantRegistry(store);
  const [keys, merchant] = await Promise.all([
    PlatformKeys.open(store, options.mode),
    merchants.add(options.merchant),
  ]);
  keys.migrationStarted = options.publicKeyMigration;
  keys.publicKeyShare = options.publicKeyShare;
  const address = new EmulatorAddress();
  const clock = new EmulatorClock(options.now);
  const scheduler = new Scheduler(clock);
  const faults = new FaultRegistry();
  const factory = new NotificationFactory(merchants, keys, clock, merchant.mchid);
  const notifier = new Notifier(factory, keys, clock, scheduler, faults, {
    scale: options.scale,
    timeoutMs: options.notifyTimeoutMs,
    allowRemote: options.allowRemoteNotify,
    capacity: options.maxNotifications,
  });
  const orders = new OrderService(new OrderBook(options.maxOrders), merchants, notifier, clock);
  const refunds = new RefundService(orders, merchants, notifier, clock, scheduler, {
    delayMs: options.refundDelayMs,
    capacity: options.maxOrders,
  });
  const bills = new BillService(orders, refunds, clock);
  const h5Url = (prepayId: string) => `${address.url}/emulator/payer?prepay_id=${prepayId}`;
  return {
    options,
    address,
    clock,
    scheduler,
    keys,
    merchants,
    merchant,
    faults,
    factory,
    notifier,
    orders,
    refunds,
    bills,
    authenticator: new Authenticator(merchants, clock),
    answers: new AnswerWriter(clock),
    operations: new OperationTable([
      ...certificateOperations(keys, clock),
      ...orderOperations(orders, h5Url),
      ...refundOperations(refunds),
      ...billOperations(bills, () => address.url),
    ]),
  };
}
