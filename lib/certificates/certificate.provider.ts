import type { Observable } from 'rxjs';
import { isCertificateSerial } from '../crypto/index.js';
import { WechatPayCertificateError, WechatPayConfigurationError } from '../errors/index.js';
import type { KeyEvent, KeyEvents } from '../events/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import type { SignedFetch } from './certificate-downloader.js';
import type { KeyDecisions } from './key-decisions.js';
import { KeyNotices } from './key-notices.js';
import type { PlatformKey, PlatformKeyRing } from './key-ring.js';
import { KeyUsageCounter, type KeyUsage } from './key-usage.js';
import { ListKeeper } from './list-keeper.js';
import { ListRefresher, type RefreshStatus } from './list-refresher.js';
import { OnDemandAllowance, type KeyAsker, type OnDemandGate } from './on-demand-gate.js';
import { RENEWAL } from './renewal.js';
import type { SharedStore } from './shared-store.js';

/** What a {@link CertificateProvider} is made of. */
export interface CertificateProviderParts {
  readonly mchid: string;
  /** Configured WeChat Pay public keys; the first one is named in requests. */
  readonly publicKeys: readonly PlatformKey[];
  /** Whether the merchant may have platform certificates, which are then downloaded. */
  readonly usesCertificates: boolean;
  /** Percentage of requests that ask for the public key, 0 to 100. */
  readonly publicKeyShare: number;
  readonly graceMs: number;
  readonly credentials: MerchantCredentialProvider;
  readonly events: KeyEvents;
  readonly fetch: SignedFetch;
  readonly gate: OnDemandGate;
  readonly decisions: KeyDecisions;
  readonly store: SharedStore | undefined;
  readonly clock: () => number;
  readonly random: () => number;
}

/**
 * Holds the keys of the platform and swaps them while requests are in flight: every change is one
 * new immutable {@link PlatformKeyRing}. A refresh that fails, or whose answer does not prove
 * itself, changes nothing.
 *
 * @publicApi
 */
export class CertificateProvider {
  readonly #parts: CertificateProviderParts;
  readonly #refresher: ListRefresher;
  readonly #keeper: ListKeeper;
  readonly #notices: KeyNotices;
  readonly #allowances: Readonly<Record<KeyAsker, OnDemandAllowance>>;
  readonly #usage = new KeyUsageCounter();
  #publicKeyShare: number;
  #obtaining: Promise<void> | undefined;

  /** @internal */
  constructor(parts: CertificateProviderParts) {
    this.#parts = parts;
    const { mchid, events, usesCertificates, gate, decisions, clock, random } = parts;
    this.#publicKeyShare = decisions.publicKeyShare(mchid, parts.publicKeyShare);
    this.#notices = new KeyNotices(events, clock);
    this.#allowances = {
      answer: new OnDemandAllowance(gate, 'answer'),
      notification: new OnDemandAllowance(gate, 'notification'),
    };
    this.#refresher = new ListRefresher({
      ...parts,
      notices: this.#notices,
      keep: (answer) => void this.#keeper.write(answer),
    });
    this.#keeper = new ListKeeper({
      mchid,
      events,
      store: usesCertificates ? parts.store : undefined,
      random,
      isLoaded: () => this.keyRing.signedAtMs > 0,
      adopt: (answer) => this.#refresher.adopt(answer, 'store'),
    });
  }

  /** The keys in force now. */
  get keyRing(): PlatformKeyRing {
    return this.#refresher.ring.value;
  }

  /** The keys in force and every later set; a late subscriber gets the current set at once. */
  get keyRing$(): Observable<PlatformKeyRing> {
    return this.#refresher.ring.asObservable();
  }

  /** What happens to the keys of this merchant, its own and the platform's, as it happens. */
  get keyEvents$(): Observable<KeyEvent> {
    return this.#parts.events.events$;
  }

  /** What is under way to have keys, if anything is. @internal */
  get loading(): Promise<unknown> | undefined {
    if (this.#obtaining) return this.#obtaining;
    if (this.#refresher.isRefreshing) return this.#refresher.refresh();
    return this.#keeper.isReading ? this.#keeper.read() : undefined;
  }

  /** How refreshing goes. */
  get status(): RefreshStatus {
    return this.#refresher.status;
  }

  /** How often each key was used, in and out: shows how far a migration is. */
  get usage(): KeyUsage {
    return this.#usage.usage;
  }

  /** Whether platform certificates are downloaded and renewed at all. */
  get usesCertificates(): boolean {
    return this.#parts.usesCertificates;
  }

  /** Percentage of requests that name the WeChat Pay public key, 0 to 100. */
  get publicKeyShare(): number {
    return this.#publicKeyShare;
  }

  /**
   * Changes the share of requests that name the WeChat Pay public key, from the next request on.
   *
   * @param percent 0 to 100, fractions allowed
   * @throws {WechatPayConfigurationError} for anything else
   */
  setPublicKeyShare(percent: number): void {
    if (!(typeof percent === 'number' && percent >= 0 && percent <= 100)) {
      throw new WechatPayConfigurationError(['publicKeyShare must be a number from 0 to 100']);
    }
    this.#publicKeyShare = percent;
    const { mchid, decisions, publicKeyShare } = this.#parts;
    decisions.setPublicKeyShare(mchid, percent, publicKeyShare);
  }

  /**
   * Makes sure that something can be verified: reads the store, then downloads, once for however
   * many callers.
   *
   * @throws {WechatPayCertificateError} `NO_PLATFORM_KEY`, `CERTIFICATES_UNAVAILABLE` or
   * `CERTIFICATES_INVALID` when there is no key; nothing was sent that could not be verified
   */
  async ready(): Promise<PlatformKeyRing> {
    const canVerify = (): boolean => this.keyRing.canVerify(this.#parts.clock());
    if (canVerify()) return this.keyRing;
    if (this.#parts.usesCertificates) {
      await this.#obtain(canVerify);
      // The download that was waited for may have been for another key.
      if (!canVerify()) await this.refresh();
      if (canVerify()) return this.keyRing;
    }
    throw noPlatformKey();
  }

  /**
   * Downloads the platform certificates now; callers at the same time share one download. Does
   * nothing when `platform.certificates` is off.
   *
   * @returns the ring in force afterwards
   * @throws {WechatPayError} when it fails; the keys held before stay in use
   */
  refresh(): Promise<PlatformKeyRing> {
    if (!this.#parts.usesCertificates) return Promise.resolve(this.keyRing);
    return this.#refresher.refresh();
  }

  /**
   * Renews the certificates unless a list is in force, here or in the store, that is younger than
   * this: of many processes on one store, one downloads.
   *
   * @param minAgeMs age of a list that is good enough
   * @returns `busy` when another process is at it: come back after its lease
   * @throws {WechatPayError} as {@link refresh}
   */
  async renew(minAgeMs: number): Promise<'renewed' | 'young' | 'busy'> {
    const isYoung = (): boolean => this.#parts.clock() - this.keyRing.signedAtMs < minAgeMs;
    await this.#keeper.read();
    if (isYoung()) return 'young';
    if (!(await this.#keeper.takeTurn())) return 'busy';
    if (isYoung()) return 'young'; // it came meanwhile
    await this.refresh();
    return 'renewed';
  }

  /**
   * The key of this serial. An unknown certificate serial is looked for in the store, then downloaded
   * once: at most once a minute per merchant, and a bounded number in total. Anything else costs
   * nothing.
   *
   * Never throws: a key that cannot be had is `undefined`.
   *
   * @param options `from`: who named it; what answers to our own calls need is counted apart from what
   * strangers may cost. Default `notification`
   */
  async find(
    serial: string,
    options: { readonly from?: KeyAsker } = {},
  ): Promise<PlatformKey | undefined> {
    const held = (): PlatformKey | undefined => this.keyRing.find(serial, this.#parts.clock());
    if (held() || !this.#parts.usesCertificates || !isCertificateSerial(serial)) return held();
    const isThere = (): boolean => held() !== undefined;
    const allowance = this.#allowances[options.from ?? 'notification'];
    const keeper = this.#keeper;
    if (keeper.isReading || (keeper.isShared && allowance.tryRead(serial))) await keeper.read();
    if (isThere()) this.#renewOld();
    else if (this.#obtaining || this.#refresher.isRefreshing || allowance.tryDownload()) {
      // an event says so when it fails
      await this.#obtain(isThere, { isRead: true }).catch(() => undefined);
    }
    return held();
  }

  /** Drops a certificate at once and for the life of this process, whatever the platform lists. */
  distrust(serial: string): void {
    this.#refresher.distrust(serial);
  }

  /** The public key that a request should name, by share; `undefined` means a certificate. */
  requestKey(): PlatformKey | undefined {
    const { publicKey } = this.#refresher;
    const share = this.#publicKeyShare;
    const { usesCertificates, random } = this.#parts;
    const mustUse = !usesCertificates || share >= 100 || this.status.hasNoCertificates;
    return mustUse || random() * 100 < share ? publicKey : undefined;
  }

  /**
   * The key to encrypt sensitive fields with when no public key was chosen for the request.
   *
   * @throws {WechatPayCertificateError} `NO_PLATFORM_KEY` when there is none
   */
  async encryptionKey(): Promise<PlatformKey> {
    const newest = (): PlatformKey | undefined =>
      this.keyRing.newestCertificate(this.#parts.clock());
    if (!newest()) await this.#obtain(() => newest() !== undefined);
    const loaded = newest() ?? this.#refresher.publicKey;
    if (!loaded) throw noPlatformKey();
    return loaded;
  }

  /** Ends a download under way and completes the streams. Closing twice is harmless. */
  close(): void {
    this.#refresher.close();
    this.#keeper.close();
  }

  /** Counts a request by the key that it named. @internal */
  countSent(id: string | undefined): void {
    this.#usage.countSent(id);
  }

  /** Counts what a key has verified. @internal */
  countReceived(id: string): void {
    this.#usage.countReceived(id);
  }

  /** Reports what opening a genuine notification told of the APIv3 key. @internal */
  reportApiV3Key(type: 'api-v3-key-wrong' | 'previous-api-v3-key-used'): void {
    if (type === 'api-v3-key-wrong') this.#parts.events.publish({ type });
    else this.#notices.say(type);
  }

  /** Reports that a field of an answer opened only with a previous private key. @internal */
  reportPreviousPrivateKey(): void {
    this.#notices.say('previous-private-key-used');
  }

  /** Store, then whoever downloads already, then the platform, until what is missing is there. */
  #obtain(isThere: () => boolean, { isRead = false } = {}): Promise<void> {
    this.#obtaining ??= this.#obtainOnce(isThere, isRead).finally(
      () => (this.#obtaining = undefined),
    );
    return this.#obtaining;
  }

  async #obtainOnce(isThere: () => boolean, isRead: boolean): Promise<void> {
    if (!isRead) await this.#keeper.read();
    if (isThere()) return this.#renewOld();
    const isComing = !this.#refresher.isRefreshing && (await this.#keeper.othersBring(isThere));
    if (!isComing) await this.refresh();
  }

  /** A list from the store that is old is good enough to begin with, and not to stay with. */
  #renewOld(): void {
    const ageMs = this.#parts.clock() - this.keyRing.signedAtMs;
    if (ageMs > RENEWAL.maxEveryMs) this.renew(RENEWAL.maxEveryMs).catch(() => undefined);
  }
}

function noPlatformKey(): WechatPayCertificateError {
  return new WechatPayCertificateError(
    'NO_PLATFORM_KEY',
    'No key of the platform is in force: set platform.publicKey (微信支付公钥) or platform.certificates',
  );
}
