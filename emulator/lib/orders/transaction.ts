import { chinaTime } from '../clock/clock.js';
import { isObject } from '../validation/shape-validator.js';
import { textOf, type EmulatorProduct, type EmulatorTradeState, type Order } from './order.js';

/** @see WeChat Pay APIv3 docs: 查询订单, trade_type */
const tradeTypes: Readonly<Record<EmulatorProduct, string>> = {
  jsapi: 'JSAPI',
  app: 'APP',
  h5: 'MWEB',
  native: 'NATIVE',
};

const descriptions: Readonly<Record<EmulatorTradeState, string>> = {
  NOTPAY: '订单未支付',
  SUCCESS: '支付成功',
  REFUND: '订单发生过退款',
  CLOSED: '订单已关闭',
};

/**
 * An order as the query operations and the payment notification show it.
 *
 * @see WeChat Pay APIv3 docs: 查询订单, 支付成功回调通知
 * @internal
 */
export function toTransaction(order: Order): Readonly<Record<string, unknown>> {
  const { state, transactionId, paidAtMs, outTradeNo } = order;
  const attach = textOf(order, 'attach');
  return {
    ...identity(order),
    out_trade_no: outTradeNo,
    ...(transactionId !== undefined && { transaction_id: transactionId }),
    ...(paidAtMs !== undefined && { trade_type: tradeTypes[order.product] }),
    trade_state: state,
    trade_state_desc: descriptions[state],
    ...(paidAtMs !== undefined && { bank_type: 'OTHERS', success_time: chinaTime(paidAtMs) }),
    ...(attach !== undefined && { attach }),
    ...(paidAtMs !== undefined && { payer: payer(order) }),
    amount: amount(order),
    ...scene(order),
  };
}

/** Merchant and application numbers, spelled as in the order's mode. */
function identity(order: Order): Record<string, string> {
  const { mchid, subMchid } = order.owner;
  if (subMchid === undefined) return { appid: textOf(order, 'appid') ?? '', mchid };
  const subAppid = textOf(order, 'sub_appid');
  return {
    sp_appid: textOf(order, 'sp_appid') ?? '',
    sp_mchid: mchid,
    ...(subAppid !== undefined && { sub_appid: subAppid }),
    sub_mchid: subMchid,
  };
}

function payer(order: Order): Record<string, string> {
  const given = order.request['payer'];
  const openid = order.openid ?? '';
  if (order.owner.subMchid === undefined) return { openid };
  const sub = isObject(given) ? given['sub_openid'] : undefined;
  const provider = isObject(given) ? given['sp_openid'] : undefined;
  return {
    sp_openid: typeof provider === 'string' ? provider : openid,
    ...(typeof sub === 'string' && { sub_openid: sub }),
  };
}

function amount({ totalFen, paidAtMs }: Order): Record<string, unknown> {
  const base = { total: totalFen, currency: 'CNY' };
  if (paidAtMs === undefined) return base;
  return { ...base, payer_total: totalFen, payer_currency: 'CNY' };
}

function scene(order: Order): Record<string, unknown> {
  const given = order.request['scene_info'];
  const device = isObject(given) ? given['device_id'] : undefined;
  return typeof device === 'string' ? { scene_info: { device_id: device } } : {};
}
