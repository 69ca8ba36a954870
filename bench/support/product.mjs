import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The built package, as `import 'nestjs-wechatpay'` would find it. */
export const productUrl = new URL(manifest.exports['.'].import.default, root).href;

/** A subpath of it that is a store: `importStore('redis')` for `nestjs-wechatpay/redis`. */
export function importStore(name) {
  return import(new URL(`stores/${name}/index.js`, productUrl).href);
}

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

/**
 * How long a process has the lease of a renewal, in milliseconds. The package does not export it; a
 * copy here would go on when it changes.
 */
export function leaseMs() {
  const source = readFileSync(new URL('lib/certificates/list-keeper.ts', root), 'utf8');
  const [, digits] = /^export const LEASE_MS = ([0-9_]+);$/m.exec(source) ?? [];
  if (digits === undefined) throw new Error('list-keeper.ts has no LEASE_MS any more');
  return Number(digits.replaceAll('_', ''));
}
