import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { EmulatorBillChanges } from './bills/bill.service.js';
import { clientOptions, type EmulatorClientOptions } from './client-options.js';
import { ControlService, type EmulatorKeyState } from './control/control.service.js';
import { EmulatorModule } from './emulator.module.js';
import { resolveOptions, type WechatPayEmulatorOptions } from './emulator.options.js';
import type { EmulatorFault } from './faults/fault.js';
import type {
  EmulatorMerchant,
  EmulatorMerchantCertificate,
  EmulatorMerchantOptions,
} from './keys/merchants.js';
import type { EmulatorMode, RotationPhase } from './keys/platform-keys.js';
import type {
  EmulatorNotificationOverrides,
  EmulatorSignedNotification,
} from './notifications/notification-factory.js';
import type { EmulatorNotificationRecord } from './notifications/notification-entry.js';
import type {
  EmulatorNotifyAllOptions,
  EmulatorNotifyEvent,
  EmulatorNotifyOptions,
} from './notifications/notify-options.js';
import type { EmulatorOrderReference } from './orders/order.service.js';
import { assemble, type EmulatorParts } from './platform/parts.js';
import { PlatformMiddleware } from './platform/platform.middleware.js';
import { quietly } from './quiet-logger.js';
import type { EmulatorRefundOutcome } from './refunds/refund.service.js';

/** How long requests under way may take to end once the emulator is closing. */
const patienceMs = 250;

/** What a WeChat Pay public key is known by. @publicApi */
export interface EmulatorPublicKey {
  /** `PUB_KEY_ID_…`. */
  readonly id: string;
  /** SPKI PEM. */
  readonly key: string;
  readonly path: string;
}

/** A platform certificate. @publicApi */
export interface EmulatorPlatformCertificate {
  /** 40 upper-case hex digits. */
  readonly serial: string;
  /** X.509 PEM. */
  readonly certificate: string;
  readonly path: string;
}

/**
 * A WeChat Pay platform on this machine: it authenticates, answers with signatures, sends encrypted
 * notifications, rotates certificates, and fails on demand.
 *
 * @publicApi
 */
export class WechatPayEmulator {
  private readonly control: ControlService;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly app: NestExpressApplication,
    private readonly parts: EmulatorParts,
  ) {
    this.control = new ControlService(parts);
  }

  /**
   * Starts an emulator on 127.0.0.1.
   *
   * @throws {RangeError} for an option out of range
   * @throws {Error} when the port is taken (`code` is `EADDRINUSE`) or the folder of the keys cannot be
   * written
   */
  static async start(options: WechatPayEmulatorOptions = {}): Promise<WechatPayEmulator> {
    const parts = await assemble(resolveOptions(options));
    const app = await quietly(() => listen(parts));
    return new WechatPayEmulator(app, parts);
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    return this.parts.address.url;
  }

  get port(): number {
    return this.parts.address.port;
  }

  get mode(): EmulatorMode {
    return this.parts.options.mode;
  }

  /** The first merchant's number. */
  get mchid(): string {
    return this.parts.merchant.mchid;
  }

  /** The first merchant's application. */
  get appid(): string {
    return this.parts.merchant.appid;
  }

  /** The first merchant's APIv3 key. */
  get apiV3Key(): string {
    return this.parts.merchant.apiV3Key;
  }

  /** All merchants; the first is the one that the emulator started with. */
  get merchants(): readonly EmulatorMerchant[] {
    return this.parts.merchants.list();
  }

  /** The platform certificate that signs now. */
  get platformCertificate(): EmulatorPlatformCertificate {
    const { serial, certificatePem, certificatePath } = this.parts.keys.certificate;
    return { serial, certificate: certificatePem, path: certificatePath };
  }

  /** The WeChat Pay public key. */
  get publicKey(): EmulatorPublicKey {
    const { publicKey, publicKeyId } = this.parts.keys;
    return { id: publicKeyId, key: publicKey.publicKeyPem, path: publicKey.publicKeyPath };
  }

  /** The platform's keys: what is listed, what signs. */
  get keys(): EmulatorKeyState {
    return this.control.keys();
  }

  /** The emulator's idea of time, milliseconds since 1970. */
  get now(): number {
    return this.parts.clock.now();
  }

  /**
   * Ready options for `WechatPayModule.forRoot()`. With an `mchid` of a merchant that has been
   * added, that merchant's; whatever else is given replaces what is here.
   *
   * @throws {TypeError} for an mchid that the emulator does not have
   */
  options<T extends object = object>(
    overrides?: T & { readonly mchid?: string },
  ): Omit<EmulatorClientOptions, keyof T> & T {
    const merchant = this.parts.merchants.get(overrides?.mchid ?? this.mchid);
    const { notifyUrl } = this.parts.options;
    const own: EmulatorClientOptions = {
      ...clientOptions(merchant, this.parts.keys, this.url),
      ...(notifyUrl !== undefined && { notifyUrl }),
    };
    return Object.assign({}, own, overrides);
  }

  /** Adds a merchant with a key, certificate and APIv3 key of its own. */
  addMerchant(options?: EmulatorMerchantOptions): Promise<EmulatorMerchant> {
    return this.parts.merchants.add(options);
  }

  /**
   * Makes another key and API certificate (商户API证书) for a merchant, as its administrator does on the
   * merchant platform. Requests signed with any of its certificates are accepted; `merchants` and
   * {@link options} hold the newest. Kept in `keysDir` and used again by later emulators.
   *
   * @throws {TypeError} for an unknown merchant, or one that has 63 certificates
   */
  addMerchantCertificate(mchid: string = this.mchid): Promise<EmulatorMerchantCertificate> {
    return this.control.addMerchantCertificate(mchid);
  }

  /**
   * Ends a certificate (作废): what is signed with it from now on is refused with `SIGN_ERROR`.
   *
   * @throws {TypeError} for an unknown merchant or serial, or the only certificate
   */
  removeMerchantCertificate(serial: string, mchid: string = this.mchid): void {
    this.control.removeMerchantCertificate(mchid, serial);
  }

  /** The certificates that a merchant may sign with, the newest last. @throws {TypeError} */
  merchantCertificates(mchid: string = this.mchid): readonly EmulatorMerchantCertificate[] {
    return this.control.merchantCertificates(mchid);
  }

  /** Sets what a merchant can refund, in fen; `Infinity` takes the limit away. */
  setBalance(fen: number, mchid: string = this.mchid): void {
    if (!(fen >= 0)) throw new RangeError('a balance is a number of fen from 0');
    this.parts.merchants.get(mchid).balanceFen = fen;
  }

  /**
   * Pays an order, as the payer would; the notification follows.
   *
   * @param order the merchant's number, a `code_url`, or a reference
   * @returns the transaction as the query operation shows it
   * @throws {Error} with a `code` such as `ORDER_NOT_EXIST`, `ORDERPAID`, `ORDER_CLOSED`
   */
  pay(order: string | EmulatorOrderReference): Readonly<Record<string, unknown>> {
    if (typeof order !== 'string') return this.control.pay(order);
    return this.control.pay(order.includes('://') ? { codeUrl: order } : { outTradeNo: order });
  }

  /** Ends a refund that is being processed. @throws {Error} with a `code` */
  finishRefund(
    outRefundNo: string,
    outcome: EmulatorRefundOutcome = 'SUCCESS',
    mchid?: string,
  ): object {
    return this.control.finishRefund(outRefundNo, outcome, mchid);
  }

  /**
   * Changes every trade bill that is asked for from now on, before its hash is taken (`text`) or after it
   * (`file`); without an argument they are as they should be again.
   */
  changeBills(changes: EmulatorBillChanges = {}): void {
    this.parts.bills.changes = changes;
  }

  /** Rotates the platform certificate, in one go or step by step. */
  rotate(phase?: RotationPhase): Promise<EmulatorKeyState> {
    return this.control.rotate(phase);
  }

  /** Starts (or stops) the switch to the public key, in mode `both`. */
  setPublicKeyMigration(started: boolean): void {
    this.parts.keys.migrationStarted = started;
  }

  /** The part of the notifications that the public key signs, 0 to 1, in mode `both`. */
  setPublicKeyShare(share: number): void {
    if (!(share >= 0 && share <= 1)) throw new RangeError('a share is a number from 0 to 1');
    this.parts.keys.publicKeyShare = share;
  }

  /** Makes something go wrong. @throws {TypeError} for a fault that makes no sense */
  addFault(fault: EmulatorFault): void {
    this.control.addFault(fault);
  }

  clearFaults(): void {
    this.parts.faults.clear();
  }

  /**
   * Notifies of an event, whatever has happened here, and waits until it is taken, or given up after
   * the last time of the schedule; `scale` shortens that, `resend: false` does without.
   *
   * @param event an event type; `TYPE/original_type` where one has several payloads
   * @param payload what differs from a usual payload: `TRANSACTION.SUCCESS` and `REFUND.*` are made
   * complete, as by {@link createTestNotification}
   * @returns one record for each event, with every post and its answer
   * @throws {TypeError} for options that make no sense, no `url`, an unknown merchant
   * @throws {RangeError} for a number out of range; at most 100 000 events and a million posts
   */
  notify(
    event: string,
    payload?: object,
    options?: EmulatorNotifyOptions,
  ): Promise<readonly EmulatorNotificationRecord[]>;
  /** Notifies of several events, in this order or, with `shuffle`, in any. */
  notify(
    events: readonly EmulatorNotifyEvent[],
    options?: EmulatorNotifyAllOptions,
  ): Promise<readonly EmulatorNotificationRecord[]>;
  async notify(
    event: string | readonly EmulatorNotifyEvent[],
    ...[first, second]: readonly (object | undefined)[]
  ): Promise<readonly EmulatorNotificationRecord[]> {
    if (typeof event === 'object') return this.control.notify({ ...first, events: event });
    return this.control.notify({ ...second, event, payload: first });
  }

  /** Every notification with every post and its answer, the oldest first. */
  notifications(): readonly EmulatorNotificationRecord[] {
    return this.parts.notifier.list();
  }

  /** Posts a notification again at once. @throws {TypeError} for an unknown id */
  resend(id: string): Promise<void> {
    return this.parts.notifier.resend(id);
  }

  /** Resolves when no notification is being posted at the moment. */
  settled(): Promise<void> {
    return this.parts.notifier.settled();
  }

  /** Moves the emulator's clock; what has become due happens at once. @throws {RangeError} */
  setClock(change: { readonly offsetMs?: number; readonly advanceMs?: number }): void {
    this.control.moveClock(change);
  }

  /**
   * Encrypts and signs a notification without sending it.
   *
   * @throws {TypeError} for a merchant or a signer that the emulator does not have
   */
  createNotification(
    eventType: string,
    payload: unknown,
    overrides?: EmulatorNotificationOverrides,
  ): EmulatorSignedNotification {
    return this.parts.factory.create(eventType, payload, overrides);
  }

  /** The page on which a person pays an order. */
  payerUrl(codeUrl: string): string {
    return `${this.url}/emulator/payer?code_url=${encodeURIComponent(codeUrl)}`;
  }

  /** Ends timers, connections and the server. Closing twice is harmless. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { scheduler, notifier, answers } = this.parts;
    scheduler.close();
    notifier.close();
    answers.close();
    const server = this.app.getHttpServer() as Server;
    const cut = setTimeout(() => server.closeAllConnections(), patienceMs);
    await Promise.all([this.app.close(), notifier.settled()]);
    clearTimeout(cut);
  }
}

/** A port that is taken is named, with what to do; the code stays. */
function listenFailure(error: unknown, port: number): unknown {
  // no instanceof: in Jest, Node's own errors are of another realm
  const isTaken =
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
  if (!isTaken) return error;
  const message = `port ${port} of 127.0.0.1 is in use (EADDRINUSE); use port 0 or another port`;
  return Object.assign(new Error(message, { cause: error }), { code: 'EADDRINUSE' });
}

async function listen(parts: EmulatorParts): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(EmulatorModule.forParts(parts), {
    bodyParser: false,
    abortOnError: false,
  });
  app.disable('x-powered-by');
  app.set('etag', false);
  const platform = app.get(PlatformMiddleware);
  app.use(platform.use.bind(platform));
  const server = app.getHttpServer() as Server;
  server.keepAliveTimeout = 8000;
  try {
    await app.listen(parts.options.port, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw listenFailure(error, parts.options.port);
  }
  const address = server.address() as AddressInfo;
  parts.address.port = address.port;
  return app;
}
