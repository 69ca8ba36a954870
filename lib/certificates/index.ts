export {
  CertificateProvider,
  type CertificateProviderParts,
  type RefreshStatus,
  type SignedFetch,
} from './certificate.provider.js';
export { readCertificateList, type SignedAnswer } from './certificate-list.js';
export { DirectoryCertificateStore } from './directory-store.js';
export type { KeyEvent } from './key-events.js';
export { PlatformKeyRing, publicKeyEntry, type PlatformKey } from './key-ring.js';
export { OnDemandGate } from './on-demand-gate.js';
export { nextRenewalMs, RENEWAL, type RenewalOptions } from './renewal.js';
export { verifySigned, type PlatformKeySource, type SignedHeaderSource } from './signed-headers.js';
export type { CertificateStore } from './store.js';
