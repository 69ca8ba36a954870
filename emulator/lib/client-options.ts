import type { MerchantRecord } from './keys/merchants.js';
import type { PlatformKeys } from './keys/platform-keys.js';

/** Ready options for `WechatPayModule.forRoot()`. @publicApi */
export interface EmulatorClientOptions {
  readonly mchid: string;
  readonly appid: string;
  readonly credential: {
    /** PKCS#8 PEM. */
    readonly privateKey: string;
    /** X.509 PEM. */
    readonly certificate: string;
    readonly apiV3Key: string;
  };
  readonly platform: {
    readonly certificates: boolean;
    readonly publicKey?: { readonly id: string; readonly key: string };
  };
  readonly notifyUrl?: string;
  readonly baseUrl: string;
  readonly backupUrl: false;
}

/** What a merchant's own software is configured with, for the platform at `baseUrl`. @internal */
export function clientOptions(
  { mchid, appid, privateKey, certificate, apiV3Key }: MerchantRecord,
  { mode, publicKeyId, publicKey }: PlatformKeys,
  baseUrl: string,
): EmulatorClientOptions {
  return {
    mchid,
    appid,
    credential: { privateKey, certificate, apiV3Key },
    platform: {
      certificates: mode !== 'public-key',
      ...(mode !== 'certificates' && {
        publicKey: { id: publicKeyId, key: publicKey.publicKeyPem },
      }),
    },
    baseUrl,
    backupUrl: false,
  };
}
