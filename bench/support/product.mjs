import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The built package, as `import 'nestjs-wechatpay'` would find it. */
export const productUrl = new URL(manifest.exports['.'].import.default, root).href;

/** Our module's options for the parties of a run. */
export function wechatPayOptions({ baseUrl, merchant, platform }) {
  return {
    mchid: merchant.mchid,
    appid: merchant.appid,
    credential: {
      privateKey: merchant.privateKey,
      serialNo: merchant.serialNo,
      apiV3Key: merchant.apiV3Key,
    },
    platform: { certificates: false, publicKey: { id: platform.id, key: platform.publicKey } },
    notifyUrl: merchant.notifyUrl,
    baseUrl,
    backupUrl: false,
  };
}
