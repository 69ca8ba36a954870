import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const rsa = () =>
  promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

const digits = (count) => Array.from(randomBytes(count), (byte) => byte % 10).join('');

/**
 * A merchant and a platform, new for every run. The platform is one that signs with a WeChat Pay
 * public key: every contestant can be given one, and none has to download anything first.
 */
export async function makeParties() {
  const [merchant, platform] = await Promise.all([rsa(), rsa()]);
  return {
    merchant: {
      mchid: `19${digits(8)}`,
      appid: `wx${randomBytes(8).toString('hex')}`,
      serialNo: randomBytes(20).toString('hex').toUpperCase(),
      privateKey: merchant.privateKey,
      publicKey: merchant.publicKey,
      apiV3Key: randomBytes(16).toString('hex'),
      notifyUrl: 'https://shop.example.com/wechatpay/notify',
    },
    platform: {
      id: `PUB_KEY_ID_${digits(32)}`,
      publicKey: platform.publicKey,
      privateKey: platform.privateKey,
    },
  };
}
