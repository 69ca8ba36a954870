import { checkNotifyUrl } from '../orders/order.rules.js';
import type { OrderOwner } from '../orders/order.js';
import type { PlatformOperation } from '../platform/operation.js';
import { paramError } from '../platform/platform-error.js';
import { outRefundNoPattern } from '../validation/constraints.data.js';
import { toWireRefund } from './refund.js';
import { refundMissing, type RefundService } from './refund.service.js';

/**
 * Refund and its query; the same paths serve both modes, `sub_mchid` tells them apart.
 *
 * @see WeChat Pay APIv3 docs: 申请退款, 查询单笔退款
 * @internal
 */
export function refundOperations(refunds: RefundService): readonly PlatformOperation[] {
  return [
    {
      method: 'POST',
      path: '/v3/refund/domestic/refunds',
      body: 'RefundCreate',
      headersFirst: true,
      handle: ({ merchant, body }) => {
        checkNotifyUrl(body['notify_url']);
        if (body['transaction_id'] === undefined && body['out_trade_no'] === undefined) {
          throw paramError('/transaction_id', 'transaction_id和out_trade_no必须传其中之一');
        }
        const owner = ownerOf(merchant.mchid, body['sub_mchid']);
        return toWireRefund(refunds.create(owner, body));
      },
    },
    {
      method: 'GET',
      path: '/v3/refund/domestic/refunds/{out_refund_no}',
      optionalQuery: ['sub_mchid'],
      headersFirst: true,
      handle: ({ merchant, params, query }) => {
        const { out_refund_no: number = '' } = params;
        if (!outRefundNoPattern.test(number))
          throw paramError('out_refund_no', '格式不正确', 'url');
        const refund = refunds.find(ownerOf(merchant.mchid, query['sub_mchid']), number);
        if (refund === undefined) throw refundMissing();
        return toWireRefund(refund);
      },
    },
  ];
}

function ownerOf(mchid: string, subMchid: unknown): OrderOwner {
  return typeof subMchid === 'string' ? { mchid, subMchid } : { mchid };
}
