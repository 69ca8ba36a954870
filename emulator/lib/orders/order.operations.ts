import type { PlatformCall, PlatformOperation, PlatformResult } from '../platform/operation.js';
import { paramError } from '../platform/platform-error.js';
import { checkAppid, checkNotifyUrl, checkPartnerPayer, checkPathNumber } from './order.rules.js';
import { orderMissing, type OrderService } from './order.service.js';
import type { EmulatorProduct, Order, OrderOwner } from './order.js';
import { toTransaction } from './transaction.js';

const products: readonly EmulatorProduct[] = ['jsapi', 'app', 'h5', 'native'];

/** How the two modes differ on the wire. */
interface Mode {
  readonly base: string;
  readonly shapePrefix: string;
  readonly query: readonly string[];
  readonly owner: (values: Readonly<Record<string, unknown>>) => OrderOwner;
}

const modes: readonly Mode[] = [
  {
    base: '/v3/pay/transactions',
    shapePrefix: '',
    query: ['mchid'],
    owner: ({ mchid }) => ({ mchid: String(mchid) }),
  },
  {
    base: '/v3/pay/partner/transactions',
    shapePrefix: 'Partner',
    query: ['sp_mchid', 'sub_mchid'],
    owner: ({ sp_mchid: provider, sub_mchid: sub }) => ({
      mchid: String(provider),
      subMchid: String(sub),
    }),
  },
];

/**
 * Prepay for four products, query by either number, close; direct and partner mode.
 *
 * @param h5Url where a payer can pay an order by its prepay id
 * @see WeChat Pay APIv3 docs: 下单, 查询订单, 关闭订单
 * @internal
 */
export function orderOperations(
  orders: OrderService,
  h5Url: (prepayId: string) => string,
): readonly PlatformOperation[] {
  return modes.flatMap((mode) => [
    ...products.map((product) => prepay(mode, product, orders, h5Url)),
    ...queries(mode, orders),
    close(mode, orders),
  ]);
}

function prepay(
  mode: Mode,
  product: EmulatorProduct,
  orders: OrderService,
  h5Url: (prepayId: string) => string,
): PlatformOperation {
  const isPartner = mode.shapePrefix !== '';
  return {
    method: 'POST',
    path: `${mode.base}/${product}`,
    body: `${mode.shapePrefix}${product.charAt(0).toUpperCase()}${product.slice(1)}Prepay`,
    handle: ({ merchant, body }) => {
      checkAppid(merchant, body);
      checkNotifyUrl(body['notify_url']);
      if (isPartner && product === 'jsapi') checkPartnerPayer(body);
      if (isPartner && body['sub_mchid'] === merchant.mchid) {
        throw paramError('/sub_mchid', '不能与sp_mchid相同');
      }
      const order = orders.place(mode.owner(body), product, body);
      return toPrepayAnswer(order, h5Url);
    },
  };
}

function toPrepayAnswer(order: Order, h5Url: (prepayId: string) => string): PlatformResult {
  switch (order.product) {
    case 'native':
      return { code_url: order.codeUrl };
    case 'h5':
      return { h5_url: h5Url(order.prepayId) };
    default:
      return { prepay_id: order.prepayId };
  }
}

function queries(mode: Mode, orders: OrderService): readonly PlatformOperation[] {
  return [
    {
      method: 'GET',
      path: `${mode.base}/out-trade-no/{out_trade_no}`,
      query: mode.query,
      handle: (call) => {
        const number = numberInPath(call);
        return answer(orders.find(mode.owner(call.query), number));
      },
    },
    {
      method: 'GET',
      path: `${mode.base}/id/{transaction_id}`,
      query: mode.query,
      handle: ({ query, params: { transaction_id: id = '' } }) =>
        answer(orders.findById(mode.owner(query), id)),
    },
  ];
}

function close(mode: Mode, orders: OrderService): PlatformOperation {
  return {
    method: 'POST',
    path: `${mode.base}/out-trade-no/{out_trade_no}/close`,
    body: `${mode.shapePrefix}CloseOrder`,
    handle: (call) => {
      orders.close(mode.owner(call.body), numberInPath(call));
      return undefined;
    },
  };
}

function numberInPath({ params }: PlatformCall): string {
  const { out_trade_no: number = '' } = params;
  checkPathNumber(number);
  return number;
}

function answer(order: Order | undefined): PlatformResult {
  if (order === undefined) throw orderMissing();
  return toTransaction(order);
}
