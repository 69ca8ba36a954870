import { fileURLToPath } from 'node:url';
import { Etcd3 } from 'etcd3';
import { Redis } from 'ioredis';
import { DirectoryCertificateStore, type CertificateStore } from 'nestjs-wechatpay';
import { EtcdCertificateStore } from 'nestjs-wechatpay/etcd';
import { RedisCertificateStore } from 'nestjs-wechatpay/redis';

/** A store, and how to end the connection under it once the application has closed. */
export interface OpenStore {
  readonly store: CertificateStore;
  readonly end: () => void;
}

/**
 * The store that all shops share. The client is yours: its settings, its end.
 *
 * @param address `redis://…`, `http://…` of an etcd, or `file:///…` of a folder
 */
export function openStore(address: string): OpenStore {
  switch (new URL(address).protocol) {
    case 'redis:': {
      const client = new Redis(address);
      client.on('error', () => undefined); // a lost store is an event of the module
      return { store: new RedisCertificateStore(client), end: () => client.disconnect() };
    }
    case 'http:': {
      const client = new Etcd3({ hosts: address });
      return { store: new EtcdCertificateStore(client), end: () => client.close() };
    }
    case 'file:':
      return { store: new DirectoryCertificateStore(fileURLToPath(address)), end: () => undefined };
    default:
      throw new TypeError(`STORE_URL is redis://…, http://… or file:///…, not ${address}`);
  }
}
