/**
 * The floor: what a careful engineer would write inline for this one call. Cached keys, one
 * signature off the event loop, one undici request, one verification, nothing else.
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { Pool } from 'undici';

const signAsync = promisify(sign);
const PATH = '/v3/pay/transactions/native';

export async function create({ baseUrl, merchant, platform }) {
  const privateKey = createPrivateKey(merchant.privateKey);
  const publicKey = createPublicKey(platform.publicKey);
  const pool = new Pool(baseUrl, { keepAliveTimeout: 7_000 });

  async function prepay(order) {
    const body = JSON.stringify({
      ...order,
      mchid: merchant.mchid,
      appid: merchant.appid,
      notify_url: merchant.notifyUrl,
    });
    const timestamp = Math.floor(Date.now() / 1000);
    const nonce = randomBytes(16).toString('hex');
    const message = Buffer.from(`POST\n${PATH}\n${timestamp}\n${nonce}\n${body}\n`);
    const signature = await signAsync('sha256', message, privateKey);
    const response = await pool.request({
      method: 'POST',
      path: PATH,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        'user-agent': 'bench-floor',
        'wechatpay-serial': platform.id,
        authorization:
          `WECHATPAY2-SHA256-RSA2048 mchid="${merchant.mchid}",nonce_str="${nonce}",` +
          `timestamp="${timestamp}",serial_no="${merchant.serialNo}",` +
          `signature="${signature.toString('base64')}"`,
      },
      body,
    });
    const text = await response.body.text();
    const { headers } = response;
    const signed = Buffer.from(
      `${headers['wechatpay-timestamp']}\n${headers['wechatpay-nonce']}\n${text}\n`,
    );
    const proof = Buffer.from(headers['wechatpay-signature'] ?? '', 'base64');
    if (response.statusCode !== 200 || !verify('sha256', signed, publicKey, proof)) {
      throw new Error(`refused or not genuine: ${response.statusCode} ${text}`);
    }
    return JSON.parse(text);
  }

  return {
    prepay: async (order) => (await prepay(order)).code_url,
  };
}
