import { TOKEN_PREFIX } from '../version.js';

/**
 * What is measured of a merchant from time to time; a `MerchantContext` has all of it.
 *
 * @publicApi
 */
export interface ObservedMerchant {
  readonly name: string;
  readonly http: {
    readonly load: { readonly running: number; readonly waiting: number; readonly limit: number };
    readonly clockSkewMs: number | undefined;
  };
  readonly credentials: {
    readonly credential: { readonly notAfterMs: number | undefined } | undefined;
  };
  readonly certificates: {
    readonly keyRing: {
      readonly keys: readonly {
        readonly kind: 'certificate' | 'publicKey';
        readonly notAfterMs: number;
        readonly leftOutAtMs?: number | undefined;
      }[];
    };
  };
  readonly notifications: { readonly clockSkewMs: number | undefined };
}

/**
 * Merchants to measure; `WechatPayMerchants` is this.
 *
 * @publicApi
 */
export interface ObservedMerchants {
  /** All that are loaded now. To look at one does not count as using it. */
  readonly loaded: readonly ObservedMerchant[];
}

/** Token of {@link ObservedMerchants}, visible everywhere. */
export const OBSERVED_MERCHANTS = `${TOKEN_PREFIX}:observed-merchants`;
