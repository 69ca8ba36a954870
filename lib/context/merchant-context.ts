import {
  CertificateProvider,
  type OnDemandGate,
  type RenewalOptions,
} from '../certificates/index.js';
import { WechatPayClient } from '../client/index.js';
import { WechatPayHttpService } from '../http/index.js';
import { MerchantCredentialProvider } from '../merchant/index.js';
import type { Transport } from '../transport/index.js';
import type { ResolvedOptions } from './resolved-options.js';

/**
 * One merchant's parts, assembled. Nothing in it is shared with another merchant but the transport.
 *
 * @publicApi
 */
export interface MerchantContext {
  /** The name it was registered with. */
  readonly name: string;
  readonly mchid: string;
  readonly credentials: MerchantCredentialProvider;
  readonly certificates: CertificateProvider;
  readonly http: WechatPayHttpService;
  readonly client: WechatPayClient;
  readonly renewal: RenewalOptions;
  /** Ends what runs for this merchant. Closing twice is harmless. */
  close(): void;
}

/** What all merchants of a process share. */
export interface SharedParts {
  readonly transport: Transport;
  readonly gate: OnDemandGate;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** Assembles a merchant from checked options. */
export function createMerchantContext(
  name: string,
  options: ResolvedOptions,
  shared: SharedParts,
): MerchantContext {
  const { mchid } = options;
  const { transport, gate, clock, random } = shared;
  const credentials = new MerchantCredentialProvider(
    mchid,
    options.credential,
    clock,
    options.refuseCredential,
  );
  const http: WechatPayHttpService = new WechatPayHttpService({
    credentials,
    certificates: () => certificates,
    transport,
    origins: options.origins,
    timeoutMs: options.timeoutMs,
    clock,
  });
  const { publicKeys, usesCertificates, publicKeyShare, graceMs, store } = options;
  const certificates = new CertificateProvider({
    mchid,
    publicKeys,
    usesCertificates,
    publicKeyShare,
    graceMs,
    store,
    credentials,
    fetch: http.fetchUnverified,
    gate,
    clock,
    random,
  });
  const { appids, notifyUrl } = options;
  const client = new WechatPayClient({ mchid, appids, notifyUrl, http, credentials, clock });
  return {
    name,
    mchid,
    credentials,
    certificates,
    http,
    client,
    renewal: options.renewal,
    close: () => {
      certificates.close();
      credentials.close();
    },
  };
}
