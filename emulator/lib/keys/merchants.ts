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

/** A merchant of the emulator with everything its own software needs. @publicApi */
export interface EmulatorMerchant {
  readonly mchid: string;
  readonly appid: string;
  readonly appids: readonly string[];
  readonly name: string;
  readonly apiV3Key: string;
  /** 40 upper-case hex digits. */
  readonly serial: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
  /** X.509 PEM. */
  readonly certificate: string;
  readonly privateKeyPath: string;
  readonly certificatePath: string;
}

/** What the platform's side knows of a merchant. @internal */
export interface MerchantRecord extends EmulatorMerchant {
  readonly publicKey: KeyObject;
  /** `Infinity` when there is no limit. */
  balanceFen: number;
}

/** All merchants of one emulator. @internal */
export class MerchantRegistry {
  private readonly merchants = new Map<string, MerchantRecord>();

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

  find(mchid: string): MerchantRecord | undefined {
    return this.merchants.get(mchid);
  }

  /** @throws {TypeError} when there is no such merchant */
  get(mchid: string): MerchantRecord {
    const merchant = this.merchants.get(mchid);
    if (merchant === undefined) throw new TypeError(`the emulator has no merchant ${mchid}`);
    return merchant;
  }

  list(): readonly MerchantRecord[] {
    return [...this.merchants.values()];
  }

  private nextMchid(): string {
    for (let number = 1_900_000_001; ; number += 1) {
      if (!this.merchants.has(String(number))) return String(number);
    }
  }
}

function toRecord(
  mchid: string,
  options: EmulatorMerchantOptions,
  key: CertifiedKey,
): MerchantRecord {
  const appids = options.appids ?? [`wxemulator${mchid.slice(2).padStart(8, '0').slice(-8)}`];
  const [appid] = appids;
  if (appid === undefined) throw new TypeError('a merchant needs at least one appid');
  return {
    mchid,
    appid,
    appids,
    name: options.name ?? `Emulator shop ${mchid}`,
    apiV3Key: options.apiV3Key ?? apiV3KeyOf(key.privateKey),
    serial: key.serial,
    privateKey: key.privateKeyPem,
    certificate: key.certificatePem,
    privateKeyPath: key.privateKeyPath,
    certificatePath: key.certificatePath,
    publicKey: key.publicKey,
    balanceFen: options.balanceFen ?? Infinity,
  };
}
