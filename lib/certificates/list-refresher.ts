import { BehaviorSubject } from 'rxjs';
import { normaliseSerial } from '../crypto/index.js';
import {
  WechatPayCertificateError,
  WechatPayError,
  WechatPayTransportError,
} from '../errors/index.js';
import type { KeyEvents } from '../events/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import { downloadCertificateList, type SignedFetch } from './certificate-downloader.js';
import { readCertificateList, type SignedAnswer } from './certificate-list.js';
import type { KeyDecisions } from './key-decisions.js';
import type { KeyNotices } from './key-notices.js';
import { mergeCertificates, PlatformKeyRing, type PlatformKey } from './key-ring.js';

/** How refreshing goes, for renewal and health. */
export interface RefreshStatus {
  /** When the list in force was good: downloaded here, or signed by the platform when it is of a store. */
  readonly lastSuccessAtMs: number | undefined;
  readonly lastError: WechatPayError | undefined;
  /** Failures since the last success. */
  readonly failures: number;
  /** The platform said that this merchant has no certificates. */
  readonly hasNoCertificates: boolean;
}

/** What a {@link ListRefresher} needs. */
export interface ListRefresherParts {
  readonly mchid: string;
  readonly publicKeys: readonly PlatformKey[];
  readonly graceMs: number;
  readonly credentials: MerchantCredentialProvider;
  readonly events: KeyEvents;
  readonly notices: KeyNotices;
  readonly fetch: SignedFetch;
  readonly decisions: KeyDecisions;
  readonly clock: () => number;
  /** Given a list that came from the platform and is in force. */
  readonly keep: (answer: SignedAnswer) => void;
}

/**
 * Downloads certificate lists, judges them wherever they come from, and puts them in force: the ring
 * is replaced as a whole. What fails, or does not prove itself, changes nothing.
 */
export class ListRefresher {
  readonly ring: BehaviorSubject<PlatformKeyRing>;
  readonly #parts: ListRefresherParts;
  readonly #distrusted: Set<string>;
  readonly #closing = new AbortController();
  #refreshing: Promise<PlatformKeyRing> | undefined;
  #status: RefreshStatus = {
    lastSuccessAtMs: undefined,
    lastError: undefined,
    failures: 0,
    hasNoCertificates: false,
  };

  constructor(parts: ListRefresherParts) {
    this.#parts = parts;
    const { publicKeys, decisions, mchid } = parts;
    this.#distrusted = new Set(decisions.distrusted(mchid));
    const trusted = publicKeys.filter(({ id }) => !this.#distrusted.has(normaliseSerial(id)));
    this.ring = new BehaviorSubject(new PlatformKeyRing(trusted));
  }

  get status(): RefreshStatus {
    return this.#status;
  }

  /** Whether a download is under way. */
  get isRefreshing(): boolean {
    return this.#refreshing !== undefined;
  }

  /** The first configured public key that is still trusted. */
  get publicKey(): PlatformKey | undefined {
    return this.ring.value.keys.find(({ kind }) => kind === 'publicKey');
  }

  /**
   * Downloads the list; callers at the same time share one download.
   *
   * @throws {WechatPayError} when it fails
   */
  refresh(): Promise<PlatformKeyRing> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /**
   * Checks a list and puts it in force, unless a later one is in force already.
   *
   * @returns whether a later one is
   * @throws {WechatPayError} when it does not prove itself
   */
  async adopt(answer: SignedAnswer, source: 'platform' | 'store'): Promise<boolean> {
    const { clock, graceMs, credentials, events, notices, keep } = this.#parts;
    const { apiV3Keys } = await credentials.get();
    const nowMs = clock();
    const held = this.ring.value;
    const list = readCertificateList(answer, {
      ring: held,
      apiV3Keys,
      nowMs,
      distrusted: this.#distrusted,
      isStored: source === 'store',
    });
    if (list.apiV3KeyIndex > 0) notices.say('previous-api-v3-key-used');
    if (list.signedAtMs < held.signedAtMs) return true;
    if (source === 'store' && list.signedAtMs === held.signedAtMs) return false; // the very same
    const merged = mergeCertificates(held, list.certificates, list.signedAtMs, { nowMs, graceMs });
    this.ring.next(merged.ring);
    const lastSuccessAtMs = source === 'platform' ? nowMs : list.signedAtMs;
    const succeeded = {
      lastSuccessAtMs,
      failures: 0,
      lastError: undefined,
      hasNoCertificates: false,
    };
    this.#status = { ...this.#status, ...succeeded }; // whoever hears of it plans by this
    const { added, dropped, leftOut } = merged.changes;
    events.publish({ type: 'renewed', source, added, dropped });
    if (leftOut.length > 0) events.publish({ type: 'left-out', serials: leftOut });
    if (source === 'platform') keep(answer);
    return false;
  }

  /** Drops a certificate for the life of this process, also when this merchant is loaded again. */
  distrust(serial: string): void {
    const { mchid, decisions } = this.#parts;
    this.#distrusted.add(normaliseSerial(serial));
    decisions.distrust(mchid, normaliseSerial(serial));
    const { keys, signedAtMs } = this.ring.value;
    const kept = keys.filter((key) => normaliseSerial(key.id) !== normaliseSerial(serial));
    this.ring.next(new PlatformKeyRing(kept, signedAtMs));
    this.#parts.events.publish({ type: 'distrusted', serial });
  }

  /** Ends a download under way. */
  close(): void {
    this.#closing.abort();
    this.ring.complete();
  }

  async #refresh(): Promise<PlatformKeyRing> {
    const { clock, events, fetch, publicKeys } = this.#parts;
    try {
      const answer = await downloadCertificateList(fetch, {
        signal: this.#closing.signal,
        publicKeyId: this.publicKey?.id,
        mayHaveNone: publicKeys.length > 0,
      });
      if (answer) await this.adopt(answer, 'platform');
      else {
        const isNews = !this.#status.hasNoCertificates;
        this.#status = { ...this.#status, hasNoCertificates: true };
        if (isNews) events.publish({ type: 'no-certificates' });
      }
      const lastSuccessAtMs = clock();
      this.#status = { ...this.#status, lastSuccessAtMs, failures: 0, lastError: undefined };
    } catch (cause) {
      const error = this.#closing.signal.aborted ? closed() : asCertificateError(cause);
      const failures = this.#status.failures + 1;
      this.#status = { ...this.#status, lastError: error, failures };
      events.publish({ type: 'refresh-failed', error, failures });
      throw error;
    }
    return this.ring.value;
  }
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

function closed(): WechatPayTransportError {
  return new WechatPayTransportError(
    'CLOSED',
    'This merchant was removed or unloaded, or the application is shutting down: get it again for each piece of work',
  );
}
