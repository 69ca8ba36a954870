import type { MerchantRecord } from '../keys/merchants.js';
import { paramError, PlatformError } from '../platform/platform-error.js';
import { isObject, type JsonObject } from '../validation/shape-validator.js';
import { outTradeNoPattern } from '../validation/constraints.data.js';

/**
 * An absolute http or https address without query, fragment or credentials. The platform also
 * refuses addresses that it cannot reach; the emulator's merchants are on this machine.
 *
 * @throws {PlatformError} `PARAM_ERROR`
 * @see WeChat Pay APIv3 docs: 回调通知注意事项
 * @internal
 */
export function checkNotifyUrl(value: unknown): void {
  if (typeof value !== 'string') return;
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (parsed === undefined || !isHttp || !/^https?:\/\//i.test(value)) {
    throw paramError('/notify_url', '应为http或https的绝对路径');
  }
  if (/[?#\s]/.test(value)) throw paramError('/notify_url', '不允许携带查询串');
  if (parsed.username !== '' || parsed.password !== '') {
    throw paramError('/notify_url', '不允许携带用户信息');
  }
}

/** @throws {PlatformError} `APPID_MCHID_NOT_MATCH` @internal */
export function checkAppid(merchant: MerchantRecord, body: JsonObject): void {
  const appid = body['appid'] ?? body['sp_appid'];
  if (typeof appid === 'string' && merchant.appids.includes(appid)) return;
  throw new PlatformError(400, 'APPID_MCHID_NOT_MATCH', 'appid和mch_id不匹配，请检查后再试');
}

/**
 * In partner mode exactly one openid, and `sub_openid` only with `sub_appid`.
 *
 * @throws {PlatformError} `PARAM_ERROR`
 * @internal
 */
export function checkPartnerPayer(body: JsonObject): void {
  const payer = body['payer'];
  if (!isObject(payer)) return;
  const { sp_openid: provider, sub_openid: sub } = payer;
  if (provider === undefined && sub === undefined) {
    throw paramError('/payer', 'sp_openid和sub_openid必须传其中之一');
  }
  if (sub !== undefined && body['sub_appid'] === undefined) {
    throw paramError('/sub_appid', '传sub_openid时sub_appid必填');
  }
}

/** @throws {PlatformError} `PARAM_ERROR` @internal */
export function checkPathNumber(outTradeNo: string): void {
  if (!outTradeNoPattern.test(outTradeNo)) throw paramError('out_trade_no', '格式不正确', 'url');
}
