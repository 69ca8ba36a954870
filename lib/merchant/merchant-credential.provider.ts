import { BehaviorSubject, filter, type Observable } from 'rxjs';
import { WechatPayCertificateError, WechatPayError } from '../errors/index.js';
import {
  checkCredential,
  type CredentialMaterial,
  type CredentialSource,
  type MerchantCredential,
} from './credential.js';

const LOAD_TIMEOUT_MS = 10_000;

/**
 * Hands out the merchant credential in force. It is loaded from its source once, on first use,
 * however many callers wait; a failed load is tried again by the next caller.
 *
 * @publicApi
 */
export class MerchantCredentialProvider {
  readonly #mchid: string;
  readonly #source: CredentialSource | undefined;
  readonly #clock: () => number;
  readonly #refuse: (credential: MerchantCredential) => readonly string[];
  readonly #subject = new BehaviorSubject<MerchantCredential | undefined>(undefined);
  readonly #closing = new AbortController();
  #loading: Promise<MerchantCredential> | undefined;

  /**
   * @param source where to load from, or a credential that was checked already
   * @param refuse more that may speak against a loaded credential, one sentence a problem
   * @internal
   */
  constructor(
    mchid: string,
    source: CredentialSource | MerchantCredential,
    clock: () => number = Date.now,
    refuse: (credential: MerchantCredential) => readonly string[] = () => [],
  ) {
    this.#mchid = mchid;
    this.#clock = clock;
    this.#refuse = refuse;
    if ('load' in source) this.#source = source;
    else this.#subject.next(source);
  }

  /** The credential in force, or `undefined` before the first use. */
  get credential(): MerchantCredential | undefined {
    return this.#subject.value;
  }

  /** The credential in force and every later one; a late subscriber gets the current one at once. */
  get credential$(): Observable<MerchantCredential> {
    return this.#subject.pipe(filter((credential) => credential !== undefined));
  }

  /**
   * The credential in force, loaded now if it was not yet.
   *
   * @throws {WechatPayCertificateError} `CREDENTIAL_UNAVAILABLE` when the source fails or delivers
   * something unusable; the message lists every problem
   */
  get(): Promise<MerchantCredential> {
    const { value } = this.#subject;
    if (value) return Promise.resolve(value);
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** Ends a load that is under way and completes {@link credential$}. */
  close(): void {
    this.#closing.abort();
    this.#subject.complete();
  }

  async #load(): Promise<MerchantCredential> {
    let material: CredentialMaterial;
    try {
      material = await this.#loadWithinTime(this.#source);
    } catch (cause) {
      if (cause instanceof WechatPayError) throw cause;
      throw new WechatPayCertificateError(
        'CREDENTIAL_UNAVAILABLE',
        `The credential of merchant ${this.#mchid} cannot be loaded from its source: see the cause`,
        { cause, isRetryable: true },
      );
    }
    const checked = checkCredential(this.#mchid, material, this.#clock());
    const problems = 'problems' in checked ? checked.problems : this.#refuse(checked.credential);
    if (!('credential' in checked) || problems.length > 0) {
      throw new WechatPayCertificateError(
        'CREDENTIAL_UNAVAILABLE',
        `The credential of merchant ${this.#mchid} is unusable:${problems.map((problem) => `\n  - ${problem}`).join('')}`,
      );
    }
    this.#subject.next(checked.credential);
    return checked.credential;
  }

  /** A source that ignores its signal must not hold everyone for ever. */
  async #loadWithinTime(source: CredentialSource | undefined): Promise<CredentialMaterial> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(LOAD_TIMEOUT_MS)]);
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([source ? source.load(signal) : aborted, aborted]);
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort);
    }
  }
}
