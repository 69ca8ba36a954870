import { BehaviorSubject, Subject, type Observable } from 'rxjs';
import { isPublicKeyId, normaliseSerial } from '../crypto/index.js';
import { WechatPayApiError, WechatPayCertificateError, WechatPayError } from '../errors/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import { requestIdOf, type RawAnswer } from '../transport/index.js';
import { readCertificateList, type SignedAnswer } from './certificate-list.js';
import type { KeyEvent, KeyEventDetail } from './key-events.js';
import { mergeCertificates, PlatformKeyRing, type PlatformKey } from './key-ring.js';
import type { OnDemandGate } from './on-demand-gate.js';
import { RENEWAL } from './renewal.js';
import { withinStoreTime, type CertificateStore } from './store.js';

/** Sends a signed request and hands back the answer as it came, unverified. */
export type SignedFetch = (
  method: 'GET',
  target: string,
  options: { signal: AbortSignal; wechatpaySerial: string | undefined },
) => Promise<RawAnswer>;

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
  readonly fetch: SignedFetch;
  readonly gate: OnDemandGate;
  readonly store: CertificateStore | undefined;
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

const CERTIFICATES_TARGET = '/v3/certificates';

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
  readonly #events = new Subject<KeyEvent>();
  readonly #distrusted = new Set<string>();
  readonly #closing = new AbortController();
  #refreshing: Promise<PlatformKeyRing> | undefined;
  #storeRead: Promise<void> | undefined;
  #lastOnDemandAtMs: number | undefined;
  #status: RefreshStatus = {
    lastSuccessAtMs: undefined,
    lastError: undefined,
    failures: 0,
    hasNoCertificates: false,
  };

  /** @internal */
  constructor(parts: CertificateProviderParts) {
    this.#parts = parts;
    this.#ring = new BehaviorSubject(new PlatformKeyRing(parts.publicKeys));
  }

  /** The keys in force now. */
  get keyRing(): PlatformKeyRing {
    return this.#ring.value;
  }

  /** The keys in force and every later set; a late subscriber gets the current set at once. */
  get keyRing$(): Observable<PlatformKeyRing> {
    return this.#ring.asObservable();
  }

  /** What happens to the keys, as it happens. */
  get keyEvents$(): Observable<KeyEvent> {
    return this.#events.asObservable();
  }

  /** How refreshing goes. */
  get status(): RefreshStatus {
    return this.#status;
  }

  /** Whether platform certificates are downloaded and renewed at all. */
  get usesCertificates(): boolean {
    return this.#parts.usesCertificates;
  }

  /**
   * Makes sure that something can be verified: reads the store, then downloads, once for however
   * many callers.
   *
   * @throws {WechatPayCertificateError} `NO_PLATFORM_KEY`, `CERTIFICATES_UNAVAILABLE` or
   * `CERTIFICATES_INVALID` when there is no key; nothing was sent that could not be verified
   */
  async ready(): Promise<PlatformKeyRing> {
    if (this.#canVerify()) return this.keyRing;
    if (this.#parts.usesCertificates) {
      await this.#readStore();
      if (!this.#canVerify()) await this.refresh();
      if (this.#canVerify()) return this.keyRing;
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
   * The key of this serial, downloading once when it is an unknown certificate serial: at most once
   * a minute per merchant, and a bounded number in total. An unknown `PUB_KEY_ID_…` costs nothing.
   *
   * Never throws: a key that cannot be had is `undefined`.
   */
  async find(serial: string): Promise<PlatformKey | undefined> {
    const known = this.keyRing.find(serial, this.#parts.clock());
    if (known || isPublicKeyId(serial) || !this.#parts.usesCertificates) return known;
    await this.#readStore();
    if (!this.keyRing.find(serial, this.#parts.clock())) await this.#refreshOnDemand();
    return this.keyRing.find(serial, this.#parts.clock());
  }

  /** Drops a certificate at once and for the life of this process, whatever the platform lists. */
  distrust(serial: string): void {
    this.#distrusted.add(normaliseSerial(serial));
    const keys = this.keyRing.keys.filter(
      (key) => normaliseSerial(key.id) !== normaliseSerial(serial),
    );
    this.#ring.next(new PlatformKeyRing(keys, this.keyRing.signedAtMs));
    this.#publish({ type: 'distrusted', serial });
  }

  /** The public key that a request should name, by share; `undefined` means a certificate. */
  requestKey(): PlatformKey | undefined {
    const publicKey = this.#publicKey();
    const { publicKeyShare, usesCertificates, random } = this.#parts;
    const mustUse = !usesCertificates || publicKeyShare >= 100 || this.#status.hasNoCertificates;
    return mustUse || random() * 100 < publicKeyShare ? publicKey : undefined;
  }

  /**
   * The key to encrypt sensitive fields with when no public key was chosen for the request.
   *
   * @throws {WechatPayCertificateError} `NO_PLATFORM_KEY` when there is none
   */
  async encryptionKey(): Promise<PlatformKey> {
    const held = this.keyRing.newestCertificate(this.#parts.clock());
    if (held) return held;
    await this.refresh();
    const loaded = this.keyRing.newestCertificate(this.#parts.clock()) ?? this.#publicKey();
    if (!loaded) throw noPlatformKey();
    return loaded;
  }

  /** Ends a download under way and completes the streams. Closing twice is harmless. */
  close(): void {
    this.#closing.abort();
    this.#ring.complete();
    this.#events.complete();
  }

  /** Reports what opening a genuine notification told of the APIv3 key. @internal */
  reportApiV3Key(type: 'api-v3-key-wrong' | 'previous-api-v3-key-used'): void {
    this.#publish({ type });
  }

  #canVerify(): boolean {
    return this.keyRing.canVerify(this.#parts.clock());
  }

  /** The first configured public key that is still trusted. */
  #publicKey(): PlatformKey | undefined {
    return this.keyRing.keys.find(({ kind }) => kind === 'publicKey');
  }

  async #refreshOnDemand(): Promise<void> {
    if (!this.#refreshing) {
      const entered = this.#parts.gate.tryEnter(this.#lastOnDemandAtMs);
      if (entered === undefined) return;
      this.#lastOnDemandAtMs = entered;
    }
    await this.refresh().catch(() => undefined); // reported as an event by the refresh itself
  }

  async #refresh(): Promise<PlatformKeyRing> {
    try {
      const answer = await this.#parts.fetch('GET', CERTIFICATES_TARGET, {
        signal: this.#closing.signal,
        wechatpaySerial: this.#publicKey()?.id,
      });
      if (answer.status === 200) await this.#adopt(answer, 'platform');
      else this.#acceptAbsence(answer);
      this.#status = {
        ...this.#status,
        lastSuccessAtMs: this.#parts.clock(),
        failures: 0,
        lastError: undefined,
      };
    } catch (cause) {
      const error = asCertificateError(cause);
      const failures = this.#status.failures + 1;
      this.#status = { ...this.#status, lastError: error, failures };
      this.#publish({ type: 'refresh-failed', error, failures });
      throw error;
    }
    return this.keyRing;
  }

  /** A merchant without platform certificates is a normal state when a public key is configured. */
  #acceptAbsence(answer: RawAnswer): void {
    const error = new WechatPayApiError({
      method: 'GET',
      target: CERTIFICATES_TARGET,
      status: answer.status,
      body: answer.body,
      requestId: requestIdOf(answer.headers),
    });
    if (answer.status !== 404 || error.platformCode !== 'RESOURCE_NOT_EXISTS') throw error;
    if (this.#parts.publicKeys.length === 0) {
      throw new WechatPayCertificateError(
        'CERTIFICATES_UNAVAILABLE',
        'This merchant has no platform certificates (无可用的平台证书): configure platform.publicKey with the id and key from the merchant platform (账户中心 → API安全 → 微信支付公钥)',
        { cause: error },
      );
    }
    if (!this.#status.hasNoCertificates) this.#publish({ type: 'no-certificates' });
    this.#status = { ...this.#status, hasNoCertificates: true };
  }

  /** Checks a list and puts it in force, unless a later one is in force already. */
  async #adopt(answer: SignedAnswer, source: 'platform' | 'store'): Promise<void> {
    const { clock, graceMs, credentials, mchid, store } = this.#parts;
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
    if (list.signedAtMs < this.keyRing.signedAtMs) return;
    const merged = mergeCertificates(this.keyRing, list.certificates, list.signedAtMs, {
      nowMs,
      graceMs,
    });
    this.#ring.next(merged.ring);
    this.#status = { ...this.#status, hasNoCertificates: false };
    this.#publish({ type: 'refreshed', source, ...merged.changes });
    if (source === 'platform' && store) {
      void this.#inStore(() => store.writeIfNewer(mchid, answer));
    }
  }

  /** Reads the store once, before the first download. A bad entry is reported and ignored. */
  #readStore(): Promise<void> {
    const { store, mchid, clock } = this.#parts;
    if (!store) return Promise.resolve();
    this.#storeRead ??= this.#inStore(async () => {
      const answer = await store.read(mchid);
      if (answer) await this.#adopt(answer, 'store');
    }).then(() => {
      // An old list is good enough to begin with, and not to stay with.
      const { signedAtMs } = this.keyRing;
      const isOld = signedAtMs > 0 && clock() - signedAtMs > RENEWAL.maxEveryMs;
      if (isOld) this.refresh().catch(() => undefined); // reported as an event by itself
    });
    return this.#storeRead;
  }

  /** A store that fails is an event, never an interruption. */
  async #inStore(call: () => Promise<unknown>): Promise<void> {
    try {
      await withinStoreTime(call);
    } catch (error) {
      if (error instanceof WechatPayError) this.#publish({ type: 'store-failed', error });
    }
  }

  #publish(detail: KeyEventDetail): void {
    this.#events.next({
      ...detail,
      mchid: this.#parts.mchid,
      atMs: this.#parts.clock(),
    } as KeyEvent);
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
