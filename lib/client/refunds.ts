import { refundOperations, type Refund, type RefundCreateRequest } from '../api/refund/refund.js';
import { present, type MerchantIdentity } from './merchant-identity.js';
import { callOperation, type WechatPayClientCallOptions } from './operation-caller.js';
import type { ClientParts } from './payments.js';
import { found } from './settle.js';

/**
 * Refunds (退款), direct or for a sub-merchant.
 *
 * @publicApi
 */
export class Refunds {
  readonly #parts: ClientParts;
  readonly #subMerchant: { sub_mchid?: string };

  /** @internal */
  constructor(parts: ClientParts, identity: MerchantIdentity) {
    this.#parts = parts;
    const { sub_mchid } = identity.numbers;
    this.#subMerchant = sub_mchid === undefined ? {} : { sub_mchid };
  }

  /**
   * Asks for a refund. Idempotent by `out_refund_no`: after an unknown result repeat it with the same
   * number, a new number refunds twice; the platform asks to wait a minute before that. The result
   * is final only when a notification or a query says so.
   */
  async create(body: RefundCreateRequest, options?: WechatPayClientCallOptions): Promise<Refund> {
    const { notifyUrl, http } = this.#parts;
    const complete = {
      ...this.#subMerchant,
      ...(notifyUrl === undefined ? {} : { notify_url: notifyUrl }),
      ...present(body),
    };
    return callOperation(http, refundOperations.create, { body: complete }, options);
  }

  /**
   * Finds out what became of a refund after an unknown result: asks by its `out_refund_no`, and asks for
   * it again with the very same body only where the platform does not have it. The platform wants a
   * minute to pass after the first try. Never with another number: that would refund twice.
   *
   * @param body the body of the `create` that failed
   */
  async settle(body: RefundCreateRequest, options?: WechatPayClientCallOptions): Promise<Refund> {
    const known = await found(this.query(String(present(body)['out_refund_no'] ?? ''), options));
    return known ?? this.create(body, options);
  }

  /** Queries a refund by the merchant's number (商户退款单号). */
  query(outRefundNo: string, options?: WechatPayClientCallOptions): Promise<Refund> {
    const input = { path: { out_refund_no: outRefundNo }, query: this.#subMerchant };
    return callOperation(this.#parts.http, refundOperations.queryByOutRefundNo, input, options);
  }
}
