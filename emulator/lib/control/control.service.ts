import type { EmulatorFault } from '../faults/fault.js';
import { publicPart, type EmulatorMerchantCertificate } from '../keys/merchants.js';
import type { RotationPhase } from '../keys/platform-keys.js';
import type { EmulatorNotificationRecord } from '../notifications/notification-entry.js';
import { sendNotifications } from '../notifications/send-notifications.js';
import type { EmulatorOrderReference } from '../orders/order.service.js';
import { toTransaction } from '../orders/transaction.js';
import type { EmulatorParts } from '../platform/parts.js';
import { toWireRefund } from '../refunds/refund.js';
import type { EmulatorRefundOutcome } from '../refunds/refund.service.js';
import type { JsonObject } from '../validation/shape-validator.js';

/** What a rotation has led to. @publicApi */
export interface EmulatorKeyState {
  /** The serials that `/v3/certificates` lists, oldest first. */
  readonly certificates: readonly string[];
  /** The serial that signs. */
  readonly signing: string;
  readonly publicKeyId: string;
}

/** What the control interface does, without HTTP. @internal */
export class ControlService {
  constructor(private readonly parts: EmulatorParts) {}

  /** @throws {PlatformError} when the order cannot be paid */
  pay(reference: EmulatorOrderReference): Readonly<Record<string, unknown>> {
    return toTransaction(this.parts.orders.pay(reference));
  }

  /** @throws {PlatformError} when there is no such refund under way */
  finishRefund(outRefundNo: string, outcome: EmulatorRefundOutcome, mchid?: string): object {
    return toWireRefund(this.parts.refunds.finish(outRefundNo, outcome, mchid));
  }

  async rotate(phase?: RotationPhase): Promise<EmulatorKeyState> {
    await this.parts.keys.rotate(phase);
    return this.keys();
  }

  keys(): EmulatorKeyState {
    const { certificates, certificate, publicKeyId } = this.parts.keys;
    return {
      certificates: certificates.map(({ serial }) => serial),
      signing: certificate.serial,
      publicKeyId,
    };
  }

  /** @throws {TypeError} when there is no such merchant, or it has too many certificates */
  async addMerchantCertificate(mchid: string): Promise<EmulatorMerchantCertificate> {
    return publicPart(await this.parts.merchants.addCertificate(mchid));
  }

  /** @throws {TypeError} when the merchant has no such certificate, or no other one */
  removeMerchantCertificate(mchid: string, serial: string): void {
    this.parts.merchants.removeCertificate(mchid, serial);
  }

  /** The newest last. @throws {TypeError} when there is no such merchant */
  merchantCertificates(mchid: string): readonly EmulatorMerchantCertificate[] {
    return this.parts.merchants.get(mchid).certificates.map(publicPart);
  }

  /** @throws {RangeError} for a shift that is no number or beyond a century */
  moveClock(change: { readonly offsetMs?: number; readonly advanceMs?: number }): {
    readonly now: string;
    readonly offsetMs: number;
  } {
    const { clock } = this.parts;
    const { offsetMs = clock.offsetMs, advanceMs = 0 } = change;
    const shift = offsetMs + advanceMs;
    if (!Number.isFinite(shift) || Math.abs(shift) > 100 * 366 * 24 * 3600 * 1000) {
      throw new RangeError('the clock moves by whole milliseconds, a century at most');
    }
    clock.set(Math.round(shift));
    return { now: new Date(clock.now()).toISOString(), offsetMs: clock.offsetMs };
  }

  /** @throws {TypeError} for a fault that makes no sense */
  addFault(fault: EmulatorFault): void {
    this.parts.faults.add(fault);
  }

  /** @throws {TypeError} {RangeError} for a request that makes no sense */
  notify(request: JsonObject): Promise<readonly EmulatorNotificationRecord[]> {
    return sendNotifications(this.parts, request);
  }
}
