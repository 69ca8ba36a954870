import type { JsonObject } from '../validation/shape-validator.js';

/** The ways to pay that the emulator has. @publicApi */
export type EmulatorProduct = 'jsapi' | 'app' | 'h5' | 'native';

/** @see WeChat Pay APIv3 docs: 查询订单, trade_state @publicApi */
export type EmulatorTradeState = 'NOTPAY' | 'SUCCESS' | 'REFUND' | 'CLOSED';

/** Who an order belongs to: in partner mode `mchid` is the service provider's. @internal */
export interface OrderOwner {
  readonly mchid: string;
  readonly subMchid?: string;
}

/** An order as the platform keeps it. @internal */
export interface Order {
  readonly owner: OrderOwner;
  readonly product: EmulatorProduct;
  readonly outTradeNo: string;
  /** The request that made it, checked and opened. */
  readonly request: JsonObject;
  /** Compares requests on re-entry. */
  readonly fingerprint: string;
  readonly totalFen: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Like `codeUrl` replaced when the order comes again and the payer's time is over. */
  prepayId: string;
  /** Native orders only. */
  codeUrl?: string;
  /** Until when the payer can use what the merchant was given: `prepay_id`, `code_url`, `h5_url`. */
  payableUntilMs: number;
  state: EmulatorTradeState;
  transactionId?: string;
  paidAtMs?: number;
  openid?: string;
  /** The sum of all refunds that have not failed. */
  refundedFen: number;
  refundCount: number;
}

/** A text of the order's request, or `undefined`. @internal */
export function textOf(order: Order, name: string): string | undefined {
  const value = order.request[name];
  return typeof value === 'string' ? value : undefined;
}
