import type { KeyObject } from 'node:crypto';
import { apiV3KeyOf } from './identifiers.js';
import type { CertifiedKey, KeyStore } from './key-store.js';

/**
 * A merchant to add to the emulator. Key, certificate and APIv3 key are made for it and kept.
 *
 * @publicApi
 */
export interface EmulatorMerchantOptions {
  /** 8 to 32 digits. @default the next free number after 1900000001 */
  readonly mchid?: string;
  /** The appids bound to it; the first is its default. @default one made from the mchid */
  readonly appids?: readonly string[];
  /** 32 characters starting `emulatorOnly`. @default derived from the private key */
  readonly apiV3Key?: string;
  /** Shown to the payer. */
  readonly name?: string;
  /** What it can refund, in fen. @default no limit */
  readonly balanceFen?: number;
}

/** A key of a merchant with its API certificate (商户API证书). @publicApi */
export interface EmulatorMerchantCertificate {
  /** 40 upper-case hex digits. */
  readonly serial: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
  /** X.509 PEM. */
  readonly certificate: string;
  readonly privateKeyPath: string;
  readonly certificatePath: string;
}

/**
 * A merchant of the emulator with everything its own software needs; key and certificate are the
 * newest.
 *
 * @publicApi
 */
export interface EmulatorMerchant extends EmulatorMerchantCertificate {
  readonly mchid: string;
  readonly appid: string;
  readonly appids: readonly string[];
  readonly name: string;
  readonly apiV3Key: string;
}

/** A certificate as the platform keeps it. @internal */
export interface AcceptedCertificate extends EmulatorMerchantCertificate {
  readonly publicKey: KeyObject;
}

/** What the platform's side knows of a merchant. @internal */
export interface MerchantRecord extends EmulatorMerchant {
  /** What its requests may be signed with, the newest last. */
  readonly certificates: readonly AcceptedCertificate[];
  /** `Infinity` when there is no limit. */
  balanceFen: number;
}

/**
 * How many certificates of a merchant are made before the first one is used again; also how many it
 * may have, less one.
 */
const poolSize = 64;

/** All merchants of one emulator. @internal */
export class MerchantRegistry {
  private readonly merchants = new Map<string, StoredMerchant>();
  private adding: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: KeyStore) {}

  /** @throws {TypeError} for an mchid that is no number or is taken, or an APIv3 key of another length */
  async add(options: EmulatorMerchantOptions = {}): Promise<MerchantRecord> {
    const mchid = options.mchid ?? this.nextMchid();
    if (!/^\d{8,32}$/.test(mchid)) throw new TypeError('mchid must be 8 to 32 digits');
    if (this.merchants.has(mchid)) throw new TypeError(`merchant ${mchid} exists already`);
    const { apiV3Key } = options;
    if (apiV3Key !== undefined && Buffer.byteLength(apiV3Key) !== 32) {
      throw new TypeError('apiV3Key must be 32 bytes');
    }
    const record = toRecord(mchid, options, await this.store.merchant(mchid));
    this.merchants.set(mchid, record);
    return record;
  }

  /**
   * Makes another key and certificate for a merchant; those it has stay accepted. Calls run one after
   * the other.
   *
   * @throws {TypeError} when there is no such merchant, or it has too many certificates
   */
  addCertificate(mchid: string): Promise<AcceptedCertificate> {
    const added = this.adding.then(() => this.makeCertificate(this.stored(mchid)));
    this.adding = added.catch(() => undefined);
    return added;
  }

  /** @throws {TypeError} when the merchant has no such certificate, or no other one */
  removeCertificate(mchid: string, serial: string): void {
    const merchant = this.stored(mchid);
    const left = merchant.certificates.filter((one) => one.serial !== serial.toUpperCase());
    const newest = left.at(-1);
    if (left.length === merchant.certificates.length) {
      throw new TypeError(`merchant ${mchid} has no certificate ${serial}`);
    }
    if (newest === undefined) throw new TypeError('the only certificate cannot be removed');
    merchant.certificates = left;
    Object.assign(merchant, publicPart(newest));
  }

  find(mchid: string): MerchantRecord | undefined {
    return this.merchants.get(mchid);
  }

  /** @throws {TypeError} when there is no such merchant */
  get(mchid: string): MerchantRecord {
    return this.stored(mchid);
  }

  list(): readonly MerchantRecord[] {
    return [...this.merchants.values()];
  }

  private async makeCertificate(merchant: StoredMerchant): Promise<AcceptedCertificate> {
    const { mchid, certificates } = merchant;
    if (certificates.length >= poolSize - 1) {
      throw new TypeError(`merchant ${mchid} has ${certificates.length} certificates: remove some`);
    }
    for (;;) {
      merchant.lastIndex = (merchant.lastIndex % poolSize) + 1;
      const key = toCertificate(await this.store.merchant(mchid, merchant.lastIndex));
      if (merchant.certificates.some(({ serial }) => serial === key.serial)) continue;
      merchant.certificates = [...merchant.certificates, key];
      Object.assign(merchant, publicPart(key));
      return key;
    }
  }

  private stored(mchid: string): StoredMerchant {
    const merchant = this.merchants.get(mchid);
    if (merchant === undefined) throw new TypeError(`the emulator has no merchant ${mchid}`);
    return merchant;
  }

  private nextMchid(): string {
    for (let number = 1_900_000_001; ; number += 1) {
      if (!this.merchants.has(String(number))) return String(number);
    }
  }
}

interface StoredMerchant extends MerchantRecord {
  certificates: readonly AcceptedCertificate[];
  /** Number of the certificate made last. */
  lastIndex: number;
}

function toRecord(
  mchid: string,
  options: EmulatorMerchantOptions,
  key: CertifiedKey,
): StoredMerchant {
  const appids = options.appids ?? [`wxemulator${mchid.slice(2).padStart(8, '0').slice(-8)}`];
  const [appid] = appids;
  if (appid === undefined) throw new TypeError('a merchant needs at least one appid');
  const certificate = toCertificate(key);
  return {
    mchid,
    appid,
    appids,
    name: options.name ?? `Emulator shop ${mchid}`,
    apiV3Key: options.apiV3Key ?? apiV3KeyOf(key.privateKey),
    ...publicPart(certificate),
    certificates: [certificate],
    lastIndex: 1,
    balanceFen: options.balanceFen ?? Infinity,
  };
}

function toCertificate(key: CertifiedKey): AcceptedCertificate {
  return {
    serial: key.serial,
    privateKey: key.privateKeyPem,
    certificate: key.certificatePem,
    privateKeyPath: key.privateKeyPath,
    certificatePath: key.certificatePath,
    publicKey: key.publicKey,
  };
}

/** What a merchant gets of its certificate. @internal */
export function publicPart(certificate: AcceptedCertificate): EmulatorMerchantCertificate {
  const { publicKey: _, ...rest } = certificate;
  return rest;
}
