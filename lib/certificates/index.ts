export { CertificateProvider, type CertificateProviderParts } from './certificate.provider.js';
export type { RefreshStatus } from './list-refresher.js';
export type { SignedFetch } from './certificate-downloader.js';
export { KeyDecisions } from './key-decisions.js';
export { LEASE_MS } from './list-keeper.js';
export { readCertificateList, type SignedAnswer } from './certificate-list.js';
export { DirectoryCertificateStore } from './directory-store.js';
export { MemoryCertificateStore, type MemoryCertificateStoreOptions } from './memory-store.js';
export { PlatformKeyRing, publicKeyEntry, type PlatformKey } from './key-ring.js';
export { OnDemandGate, type KeyAsker } from './on-demand-gate.js';
export { nextRenewalMs, RENEWAL, youngMs, type RenewalOptions } from './renewal.js';
export {
  assertFresh,
  readSignedHeaders,
  verifySigned,
  type PlatformKeySource,
  type SignedHeaderSource,
} from './signed-headers.js';
export type { KeyUsage } from './key-usage.js';
export { SharedStore } from './shared-store.js';
export { assertMchid, BoundedCalls, isMchid, keyPrefix, leaseMs } from './store-calls.js';
export { pollEvery, watchByPolling, type WatchParts } from './store-watch.js';
export { signedAtSeconds, type CertificateStore } from './store.js';
export {
  decodeAnswer,
  encodeAnswer,
  KEPT_HEADERS,
  MAX_STORED_BYTES,
  storedSeconds,
} from './stored-answer.js';
export { fieldKey, MAX_FIELD_BYTES, storedField } from './stored-field.js';
