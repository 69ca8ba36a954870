import type { CertificateStore, PlatformKey, RenewalOptions } from '../certificates/index.js';
import type { CallSettings } from '../http/index.js';
import type { CredentialSource, MerchantCredential } from '../merchant/index.js';
import type { NotificationInbox, NotificationQueue } from '../notification/index.js';
import type { BulkheadLimits, TransportOptions } from '../transport/index.js';

/** Options after every check, with defaults filled in. */
export interface ResolvedOptions {
  readonly mchid: string;
  /** Appids by name; a single one is called `default`. */
  readonly appids: Readonly<Record<string, string>>;
  readonly credential: CredentialSource | MerchantCredential;
  /** What speaks against a credential that a source delivers later, one sentence a problem. */
  readonly refuseCredential: (credential: MerchantCredential) => readonly string[];
  readonly publicKeys: readonly PlatformKey[];
  readonly usesCertificates: boolean;
  readonly publicKeyShare: number;
  readonly notifyUrl: string | undefined;
  readonly origins: readonly string[];
  readonly call: CallSettings;
  readonly bulkhead: BulkheadLimits;
  readonly closeGraceMs: number;
  readonly transport: TransportOptions;
  /** The transport shows the merchant's certificate, so it must be shared with nobody. */
  readonly presentsCertificate: boolean;
  readonly store: CertificateStore | undefined;
  readonly inbox: NotificationInbox | undefined;
  readonly queue: NotificationQueue | undefined;
  readonly renewal: RenewalOptions;
  readonly graceMs: number;
  readonly previousKeyMs: number;
}
