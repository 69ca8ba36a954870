export type { ConsulClient } from './client.js';
export { ConsulCertificateStore, type ConsulCertificateStoreOptions } from './consul-store.js';
export { fromConsul, type FromConsulOptions } from './from-consul.js';
