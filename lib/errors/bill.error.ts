import type { WechatPayErrorCode } from './codes.js';
import { branded, WechatPayError, type WechatPayErrorFacts } from './wechat-pay.error.js';

/** Codes of {@link WechatPayBillError}. */
export type BillErrorCode = Extract<WechatPayErrorCode, `BILL_${string}`>;

/** Time, or room on the disk, can make it good. */
const PASSING: ReadonlySet<BillErrorCode> = new Set(['BILL_NOT_READY', 'BILL_NOT_SAVED']);

/**
 * A trade bill (交易账单) cannot be compared: the platform has not made it yet (`NOT_READY`), its file is
 * damaged or not what its hash says (`INVALID`; nothing of it was believed), it is longer than is taken
 * in (`TOO_LARGE`), or it cannot be kept on the disk while it is read (`NOT_SAVED`).
 *
 * @publicApi
 */
export class WechatPayBillError extends WechatPayError {
  constructor(code: BillErrorCode, message: string, facts: WechatPayErrorFacts = {}) {
    super(code, message, { isRetryable: PASSING.has(code), ...facts });
  }
}
branded(WechatPayBillError, 'WechatPayBillError');
