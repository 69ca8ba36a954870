/**
 * wechatpay-node-v3 as its README uses it. Its address is fixed; the one change is `createHttp`,
 * its own extension point, in front of its own requests, to send them to the stub.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const WxPay = require('wechatpay-node-v3');
const { PayRequest } = require('wechatpay-node-v3/dist/lib/pay-request.js');

const PRODUCTION = 'https://api.mch.weixin.qq.com';

export async function create({ baseUrl, merchant, platform }) {
  const pay = new WxPay({
    appid: merchant.appid,
    mchid: merchant.mchid,
    serial_no: merchant.serialNo,
    publicKey: Buffer.from(platform.publicKey),
    privateKey: Buffer.from(merchant.privateKey),
    key: merchant.apiV3Key,
  });
  const requests = new PayRequest();
  pay.createHttp({
    post: (url, params, headers) =>
      requests.post(url.replace(PRODUCTION, baseUrl), params, headers),
    get: (url, headers) => requests.get(url.replace(PRODUCTION, baseUrl), headers),
    upload: (url, params, headers) =>
      requests.upload(url.replace(PRODUCTION, baseUrl), params, headers),
  });
  return {
    async prepay(order) {
      const { data, error } = await pay.transactions_native({
        ...order,
        notify_url: merchant.notifyUrl,
      });
      if (!data) throw new Error(`refused: ${error}`);
      return data.code_url;
    },
  };
}
