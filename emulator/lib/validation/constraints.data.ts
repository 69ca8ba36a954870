/** What a type cannot say about a field: length in characters, range, spelling, number of items. */
export interface Constraint {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
}

/** 商户订单号: letters, digits and four signs. @internal */
export const outTradeNoPattern = /^[0-9A-Za-z_\-|*]{6,32}$/;

/** 商户退款单号. @internal */
export const outRefundNoPattern = /^[0-9A-Za-z_\-|*@]{1,64}$/;

const digits = /^\d{8,32}$/;
const fen = { min: 0, max: 10_000_000_000 };
const positiveFen = { min: 1, max: 10_000_000_000 };

/** For texts without an entry of their own. @internal */
export const defaultText: Constraint = { min: 1, max: 2048 };

/** For lists. @internal */
export const defaultList: Constraint = { min: 1, max: 1000 };

/**
 * By `Shape.field`, else by `field`.
 *
 * @see WeChat Pay APIv3 docs: the parameter tables of JSAPI下单, APP下单, H5下单, Native下单, 申请退款
 * @internal
 */
export const constraints: Readonly<Record<string, Constraint>> = {
  appid: { min: 1, max: 32 },
  sp_appid: { min: 1, max: 32 },
  sub_appid: { min: 1, max: 32 },
  mchid: { pattern: digits },
  sp_mchid: { pattern: digits },
  sub_mchid: { pattern: digits },
  description: { min: 1, max: 127 },
  out_trade_no: { pattern: outTradeNoPattern },
  out_refund_no: { pattern: outRefundNoPattern },
  transaction_id: { min: 1, max: 32 },
  attach: { min: 1, max: 128 },
  notify_url: { min: 1, max: 256 },
  goods_tag: { min: 1, max: 32 },
  openid: { min: 1, max: 128 },
  sp_openid: { min: 1, max: 128 },
  sub_openid: { min: 1, max: 128 },
  payer_client_ip: { min: 1, max: 45 },
  device_id: { min: 1, max: 32 },
  invoice_id: { min: 1, max: 32 },
  reason: { min: 1, max: 80 },
  'Amount.total': positiveFen,
  'RefundAmount.total': positiveFen,
  'RefundAmount.refund': positiveFen,
  'StoreInfo.id': { min: 1, max: 32 },
  'StoreInfo.name': { min: 1, max: 256 },
  'StoreInfo.area_code': { min: 1, max: 32 },
  'StoreInfo.address': { min: 1, max: 512 },
  'H5Info.app_name': { min: 1, max: 64 },
  'H5Info.app_url': { min: 1, max: 128 },
  'H5Info.bundle_id': { min: 1, max: 128 },
  'H5Info.package_name': { min: 1, max: 128 },
  merchant_goods_id: { min: 1, max: 32 },
  wechatpay_goods_id: { min: 1, max: 32 },
  goods_name: { min: 1, max: 256 },
  quantity: { min: 1, max: 1_000_000_000 },
  refund_quantity: { min: 1, max: 1_000_000_000 },
  unit_price: fen,
  refund_amount: fen,
  cost_price: fen,
  subsidy_amount: fen,
  'FundsFromItem.amount': positiveFen,
};
