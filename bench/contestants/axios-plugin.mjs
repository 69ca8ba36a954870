/** wechatpay-axios-plugin as its README uses it; it signs and verifies with cached keys. */
import { Wechatpay } from 'wechatpay-axios-plugin';

export async function create({ baseUrl, merchant, platform }) {
  const wxpay = new Wechatpay({
    mchid: merchant.mchid,
    serial: merchant.serialNo,
    privateKey: merchant.privateKey,
    certs: { [platform.id]: platform.publicKey },
    baseURL: `${baseUrl}/`,
  });
  return {
    async prepay(order) {
      const { data } = await wxpay.v3.pay.transactions.native.post({
        ...order,
        mchid: merchant.mchid,
        appid: merchant.appid,
        notify_url: merchant.notifyUrl,
      });
      return data.code_url;
    },
  };
}
