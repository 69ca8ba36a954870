import type { KeyObject } from 'node:crypto';
import { publicKeyIdOf } from './identifiers.js';
import type { BareKey, CertifiedKey, KeyStore } from './key-store.js';

/**
 * Which keys the platform has for its merchants: certificates alone (the older merchants), the
 * WeChat Pay public key alone (the newer ones), or both, as during the migration.
 *
 * @publicApi
 */
export type EmulatorMode = 'certificates' | 'public-key' | 'both';

/**
 * A step of a certificate rotation: the new certificate is listed beside the old; it signs; the
 * old one is gone. `all` does the three at once.
 *
 * @see WeChat Pay APIv3 docs: 平台证书更换
 * @publicApi
 */
export type RotationPhase = 'add' | 'activate' | 'remove' | 'all';

/** A key that signs answers and opens encrypted fields, with the name it goes by. @internal */
export interface PlatformSigner {
  /** A certificate serial, or `PUB_KEY_ID_…`. */
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** After so many rotations the first certificate comes back. */
const poolSize = 256;

/** The platform's keys: certificates in rotation and the WeChat Pay public key. @internal */
export class PlatformKeys {
  /** Whether `Wechatpay-Serial: PUB_KEY_ID_…` on a request makes the public key sign its answer. */
  migrationStarted = true;
  /** How many of the notifications the public key signs while both are in use, 0 to 1. */
  publicKeyShare = 0;
  private listed: readonly CertifiedKey[];
  private shareCarry = 0;
  private lastIndex = 1;
  private rotation: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly store: KeyStore,
    readonly mode: EmulatorMode,
    private active: CertifiedKey,
    readonly publicKey: BareKey,
    readonly publicKeyId: string,
  ) {
    this.listed = [active];
  }

  static async open(store: KeyStore, mode: EmulatorMode): Promise<PlatformKeys> {
    const [certificate, publicKey] = await Promise.all([
      store.platformCertificate(1),
      store.publicKey(),
    ]);
    return new PlatformKeys(
      store,
      mode,
      certificate,
      publicKey,
      publicKeyIdOf(publicKey.publicKey),
    );
  }

  /** The certificates that `/v3/certificates` lists, oldest first; none in public-key mode. */
  get certificates(): readonly CertifiedKey[] {
    return this.mode === 'public-key' ? [] : this.listed;
  }

  /** The certificate that signs now. */
  get certificate(): CertifiedKey {
    return this.active;
  }

  /** The key that signs the answer to a request with this `Wechatpay-Serial`. */
  signerFor(requestSerial: string | undefined): PlatformSigner {
    if (this.mode === 'public-key') return this.publicKeySigner();
    const wantsPublicKey = this.mode === 'both' && requestSerial === this.publicKeyId;
    if (wantsPublicKey && this.migrationStarted) return this.publicKeySigner();
    return this.certificateSigner();
  }

  /** The key that signs the next notification. */
  signerForNotification(): PlatformSigner {
    if (this.mode !== 'both' || !this.migrationStarted) return this.signerFor(undefined);
    this.shareCarry += this.publicKeyShare;
    if (this.shareCarry < 1) return this.certificateSigner();
    this.shareCarry -= 1;
    return this.publicKeySigner();
  }

  /** A usable key by its name, or `undefined`. */
  find(id: string): PlatformSigner | undefined {
    if (id === this.publicKeyId && this.mode !== 'certificates') return this.publicKeySigner();
    const found = this.certificates.find(({ serial }) => serial === id.toUpperCase());
    return found && { id: found.serial, privateKey: found.privateKey };
  }

  /** Takes the next step or steps of a rotation; calls run one after the other. */
  rotate(phase: RotationPhase = 'all'): Promise<void> {
    const next = this.rotation.then(() => this.step(phase));
    this.rotation = next.catch(() => undefined);
    return next;
  }

  publicKeySigner(): PlatformSigner {
    return { id: this.publicKeyId, privateKey: this.publicKey.privateKey };
  }

  certificateSigner(): PlatformSigner {
    return { id: this.active.serial, privateKey: this.active.privateKey };
  }

  private async step(phase: RotationPhase): Promise<void> {
    const pending = this.listed.at(-1) !== this.active;
    if ((phase === 'add' || phase === 'all') && !pending) {
      this.lastIndex = (this.lastIndex % poolSize) + 1;
      const added = await this.store.platformCertificate(this.lastIndex);
      this.listed = [...this.listed.filter(({ serial }) => serial !== added.serial), added];
    }
    if (phase === 'activate' || phase === 'all') this.active = this.listed.at(-1) ?? this.active;
    if (phase === 'remove' || phase === 'all')
      this.listed = this.listed.slice(this.listed.indexOf(this.active));
  }
}
