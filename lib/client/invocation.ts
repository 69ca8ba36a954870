import { createNonce } from '../crypto/index.js';
import { signWith, type MerchantCredential } from '../merchant/index.js';

/**
 * What `WeixinJSBridge.invoke('getBrandWCPayRequest', …)` takes; a mini program passes the same
 * without `appId` to `wx.requestPayment`.
 *
 * @publicApi
 */
export interface JsapiInvocation {
  readonly appId: string;
  /** Unix time in seconds, as text. */
  readonly timeStamp: string;
  readonly nonceStr: string;
  /** `prepay_id=…` */
  readonly package: string;
  readonly signType: 'RSA';
  readonly paySign: string;
}

/**
 * What the WeChat Open SDK's `PayReq` takes.
 *
 * @publicApi
 */
export interface AppInvocation {
  readonly appid: string;
  readonly partnerid: string;
  readonly prepayid: string;
  readonly package: 'Sign=WXPay';
  readonly noncestr: string;
  /** Unix time in seconds, as text. */
  readonly timestamp: string;
  readonly sign: string;
}

/**
 * Signs the parameters that open the payment in a JSAPI page or a mini program.
 *
 * @see Source: 微信支付 JSAPI调起支付, 小程序调起支付
 */
export async function signJsapiInvocation(
  credential: MerchantCredential,
  appid: string,
  prepayId: string,
  nowMs: number,
): Promise<JsapiInvocation> {
  const timeStamp = String(Math.floor(nowMs / 1000));
  const nonceStr = createNonce();
  const packageText = `prepay_id=${prepayId}`;
  const paySign = await sign(credential, [appid, timeStamp, nonceStr, packageText]);
  return { appId: appid, timeStamp, nonceStr, package: packageText, signType: 'RSA', paySign };
}

/**
 * Signs the parameters that open the payment in an app.
 *
 * @param partnerId the mchid that placed the order, or the sub-merchant's where its app pays
 * @see Source: 微信支付 APP调起支付
 */
export async function signAppInvocation(
  credential: MerchantCredential,
  appid: string,
  prepayId: string,
  partnerId: string,
  nowMs: number,
): Promise<AppInvocation> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const noncestr = createNonce();
  return {
    appid,
    partnerid: partnerId,
    prepayid: prepayId,
    package: 'Sign=WXPay',
    noncestr,
    timestamp,
    sign: await sign(credential, [appid, timestamp, noncestr, prepayId]),
  };
}

function sign(credential: MerchantCredential, lines: readonly string[]): Promise<string> {
  return signWith(credential, Buffer.from(`${lines.join('\n')}\n`, 'utf8'));
}
