export type { EtcdClient } from './client.js';
export { EtcdCertificateStore, type EtcdCertificateStoreOptions } from './etcd-store.js';
export { fromEtcd, type FromEtcdOptions } from './from-etcd.js';
