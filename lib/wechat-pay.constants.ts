import { DEFAULT_MERCHANT } from './context/index.js';
import { TOKEN_PREFIX } from './version.js';

const token =
  (part: string) =>
  (name: string = DEFAULT_MERCHANT): string =>
    `${TOKEN_PREFIX}:${part}:${name}`;

/** Token of the `MerchantContext` registered under this name. @internal */
export const getWechatPayContextToken = token('context');
/** Token of the `WechatPayClient` registered under this name. @publicApi */
export const getWechatPayClientToken = token('client');
/** Token of the `WechatPayHttpService` registered under this name. @publicApi */
export const getWechatPayHttpToken = token('http');
/** Token of the `CertificateProvider` registered under this name. @publicApi */
export const getCertificateProviderToken = token('certificates');
/** Token of the `MerchantCredentialProvider` registered under this name. @publicApi */
export const getMerchantCredentialProviderToken = token('credentials');
