import { BehaviorSubject, type Observable } from 'rxjs';
import { isPublicKeyId, normaliseSerial } from '../crypto/index.js';
import {
  WechatPayCertificateError,
  WechatPayConfigurationError,
  WechatPayError,
} from '../errors/index.js';
import type { KeyEvent, KeyEvents } from '../events/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import { downloadCertificateList, type SignedFetch } from './certificate-downloader.js';
import { readCertificateList, type SignedAnswer } from './certificate-list.js';
import { mergeCertificates, PlatformKeyRing, type PlatformKey } from './key-ring.js';
import { KeyUsageCounter, type KeyUsage } from './key-usage.js';
import { LEASE_MS, ListKeeper } from './list-keeper.js';
import type { OnDemandGate } from './on-demand-gate.js';
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
  readonly store: SharedStore | undefined;
  readonly clock: () => number;
  readonly random: () => number;
}

/** How refreshing goes, for renewal and health. */
export interface RefreshStatus {
  readonly lastSuccessAtMs: number | undefined;
  readonly lastError: WechatPayError | undefined;
  /** Failures since the last success. */
  readonly failures: number;
  /** The platform said that this merchant has no certificates. */
  readonly hasNoCertificates: boolean;
}

/** A previous APIv3 key may open every notification for days: one event an hour says it. */
const NOTICE_GAP_MS = 3_600_000;

/**
 * Holds the keys of the platform and swaps them while requests are in flight: every change is one
 * new immutable {@link PlatformKeyRing}. A refresh that fails, or whose answer does not prove
 * itself, changes nothing.
 *
 * @publicApi
 */
export class CertificateProvider {
  readonly #parts: CertificateProviderParts;
  readonly #ring: BehaviorSubject<PlatformKeyRing>;
  readonly #keeper: ListKeeper;
  readonly #usage = new KeyUsageCounter();
  readonly #distrusted = new Set<string>();
  readonly #closing = new AbortController();
  #publicKeyShare: number;
  #refreshing: Promise<PlatformKeyRing> | undefined;
  #obtaining: Promise<void> | undefined;
  #lastOnDemandAtMs: number | undefined;
  #previousKeyNoticeAtMs = Number.NEGATIVE_INFINITY;
  #status: RefreshStatus = {
    lastSuccessAtMs: undefined,
    lastError: undefined,
    failures: 0,
    hasNoCertificates: false,
  };

  /** @internal */
  constructor(parts: CertificateProviderParts) {
    this.#parts = parts;
    this.#publicKeyShare = parts.publicKeyShare;
    this.#ring = new BehaviorSubject(new PlatformKeyRing(parts.publicKeys));
    const { mchid, events, usesCertificates } = parts;
    this.#keeper = new ListKeeper({
      mchid,
      events,
      store: usesCertificates ? parts.store : undefined,
      isLoaded: () => this.keyRing.signedAtMs > 0,
      adopt: (answer) => this.#adopt(answer, 'store'),
    });
  }

  /** The keys in force now. */
  get keyRing(): PlatformKeyRing {
    return this.#ring.value;
  }

  /** The keys in force and every later set; a late subscriber gets the current set at once. */
  get keyRing$(): Observable<PlatformKeyRing> {
    return this.#ring.asObservable();
  }

  /** What happens to the keys of this merchant, its own and the platform's, as it happens. */
  get keyEvents$(): Observable<KeyEvent> {
    return this.#parts.events.events$;
  }

  /** How refreshing goes. */
  get status(): RefreshStatus {
    return this.#status;
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
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
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
    if ((await this.#keeper.tryLease(LEASE_MS)) === false) return 'busy';
    await this.refresh();
    return 'renewed';
  }

  /**
   * The key of this serial, downloading once when it is an unknown certificate serial: at most once
   * a minute per merchant, and a bounded number in total. An unknown `PUB_KEY_ID_…` costs nothing.
   *
   * Never throws: a key that cannot be had is `undefined`.
   */
  async find(serial: string): Promise<PlatformKey | undefined> {
    const held = (): PlatformKey | undefined => this.keyRing.find(serial, this.#parts.clock());
    if (held() || isPublicKeyId(serial) || !this.#parts.usesCertificates) return held();
    if (!this.#obtaining && !this.#refreshing) {
      const entered = this.#parts.gate.tryEnter(this.#lastOnDemandAtMs);
      if (entered === undefined) return undefined;
      this.#lastOnDemandAtMs = entered;
    }
    await this.#obtain(() => held() !== undefined).catch(() => undefined); // an event says so
    return held();
  }

  /** Drops a certificate at once and for the life of this process, whatever the platform lists. */
  distrust(serial: string): void {
    this.#distrusted.add(normaliseSerial(serial));
    const keys = this.keyRing.keys.filter(
      (key) => normaliseSerial(key.id) !== normaliseSerial(serial),
    );
    this.#ring.next(new PlatformKeyRing(keys, this.keyRing.signedAtMs));
    this.#parts.events.publish({ type: 'distrusted', serial });
  }

  /** The public key that a request should name, by share; `undefined` means a certificate. */
  requestKey(): PlatformKey | undefined {
    const publicKey = this.#publicKey();
    const share = this.#publicKeyShare;
    const { usesCertificates, random } = this.#parts;
    const mustUse = !usesCertificates || share >= 100 || this.#status.hasNoCertificates;
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
    const loaded = newest() ?? this.#publicKey();
    if (!loaded) throw noPlatformKey();
    return loaded;
  }

  /** Ends a download under way and completes the streams. Closing twice is harmless. */
  close(): void {
    this.#closing.abort();
    this.#keeper.close();
    this.#ring.complete();
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
    if (type === 'previous-api-v3-key-used') {
      const nowMs = this.#parts.clock();
      if (nowMs - this.#previousKeyNoticeAtMs < NOTICE_GAP_MS) return;
      this.#previousKeyNoticeAtMs = nowMs;
    }
    this.#parts.events.publish({ type });
  }

  /** The first configured public key that is still trusted. */
  #publicKey(): PlatformKey | undefined {
    return this.keyRing.keys.find(({ kind }) => kind === 'publicKey');
  }

  /** Store, then whoever downloads already, then the platform, until what is missing is there. */
  #obtain(isThere: () => boolean): Promise<void> {
    this.#obtaining ??= this.#obtainOnce(isThere).finally(() => (this.#obtaining = undefined));
    return this.#obtaining;
  }

  async #obtainOnce(isThere: () => boolean): Promise<void> {
    if (!(await this.#keeper.obtain(isThere))) {
      await this.refresh();
      return;
    }
    // An old list is good enough to begin with, and not to stay with.
    const ageMs = this.#parts.clock() - this.keyRing.signedAtMs;
    if (ageMs > RENEWAL.maxEveryMs) this.renew(RENEWAL.maxEveryMs).catch(() => undefined);
  }

  async #refresh(): Promise<PlatformKeyRing> {
    const { clock, events, fetch, publicKeys } = this.#parts;
    try {
      const answer = await downloadCertificateList(fetch, {
        signal: this.#closing.signal,
        publicKeyId: this.#publicKey()?.id,
        mayHaveNone: publicKeys.length > 0,
      });
      if (answer) await this.#adopt(answer, 'platform');
      else {
        if (!this.#status.hasNoCertificates) events.publish({ type: 'no-certificates' });
        this.#status = { ...this.#status, hasNoCertificates: true };
      }
      const lastSuccessAtMs = clock();
      this.#status = { ...this.#status, lastSuccessAtMs, failures: 0, lastError: undefined };
    } catch (cause) {
      const error = asCertificateError(cause);
      const failures = this.#status.failures + 1;
      this.#status = { ...this.#status, lastError: error, failures };
      events.publish({ type: 'refresh-failed', error, failures });
      throw error;
    }
    return this.keyRing;
  }

  /**
   * Checks a list and puts it in force, unless a later one is in force already.
   *
   * @returns whether a later one is
   */
  async #adopt(answer: SignedAnswer, source: 'platform' | 'store'): Promise<boolean> {
    const { clock, graceMs, credentials, events } = this.#parts;
    const { apiV3Keys } = await credentials.get();
    const nowMs = clock();
    const list = readCertificateList(answer, {
      ring: this.keyRing,
      apiV3Keys,
      nowMs,
      distrusted: this.#distrusted,
      isStored: source === 'store',
    });
    if (list.apiV3KeyIndex > 0) this.reportApiV3Key('previous-api-v3-key-used');
    const heldAtMs = this.keyRing.signedAtMs;
    if (list.signedAtMs < heldAtMs) return true;
    if (source === 'store' && list.signedAtMs === heldAtMs) return false; // the very same
    const merged = mergeCertificates(this.keyRing, list.certificates, list.signedAtMs, {
      nowMs,
      graceMs,
    });
    this.#ring.next(merged.ring);
    this.#status = { ...this.#status, hasNoCertificates: false };
    const { added, dropped, leftOut } = merged.changes;
    events.publish({ type: 'renewed', source, added, dropped });
    if (leftOut.length > 0) events.publish({ type: 'left-out', serials: leftOut });
    if (source === 'platform') void this.#keeper.write(answer);
    return false;
  }
}

function noPlatformKey(): WechatPayCertificateError {
  return new WechatPayCertificateError(
    'NO_PLATFORM_KEY',
    'No key of the platform is in force: set platform.publicKey (微信支付公钥) or platform.certificates',
  );
}

function asCertificateError(cause: unknown): WechatPayError {
  return cause instanceof WechatPayError
    ? cause
    : new WechatPayCertificateError(
        'CERTIFICATES_UNAVAILABLE',
        'The platform certificates cannot be downloaded: see the cause',
        { cause, isRetryable: true },
      );
}
