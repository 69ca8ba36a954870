import { BehaviorSubject, filter, type Observable } from 'rxjs';
import { WechatPayCertificateError, WechatPayError } from '../errors/index.js';
import type { KeyEvents } from '../events/index.js';
import { checkCredential, type MerchantCredential } from './credential.js';
import { CredentialFollower } from './credential-follower.js';
import type { CredentialMaterial, CredentialSource } from './credential-source.js';
import { isSignerOf } from './sign-with.js';
import {
  hasOldSerial,
  isSameCredential,
  isSameKey,
  stillValid,
  succeed,
  withPredecessors,
  type Predecessor,
} from './succession.js';

/** What a {@link MerchantCredentialProvider} is made of. */
export interface CredentialProviderParts {
  readonly mchid: string;
  /** Where to load from, or a credential that was checked already. */
  readonly source: CredentialSource | MerchantCredential;
  readonly events: KeyEvents;
  /** How long a replaced key still opens what was encrypted for it. */
  readonly previousKeyMs: number;
  readonly clock: () => number;
  readonly random: () => number;
  /** More that may speak against a loaded credential, one sentence a problem. */
  readonly refuse: (credential: MerchantCredential) => readonly string[];
}

const LOAD_TIMEOUT_MS = 10_000;
/** The longest time that a timer can wait is a little over 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Hands out the merchant credential in force. It is loaded from its source once, on first use,
 * however many callers wait, and replaced as a whole when the source changes. A new credential that
 * is not usable is refused, and the one before stays.
 *
 * @publicApi
 */
export class MerchantCredentialProvider {
  readonly #parts: CredentialProviderParts;
  readonly #source: CredentialSource | undefined;
  readonly #subject = new BehaviorSubject<MerchantCredential | undefined>(undefined);
  readonly #closing = new AbortController();
  #follower: CredentialFollower | undefined;
  #loading: Promise<MerchantCredential> | undefined;
  /** As it was delivered, without predecessors. */
  #delivered: MerchantCredential | undefined;
  #predecessors: readonly Predecessor[] = [];
  #lastRefusal: string | undefined;
  #lastError: WechatPayError | undefined;
  /** Calls of {@link replace}, and the one whose credential came in force last. */
  #replacements = 0;
  #inForce = 0;
  #forgetting: NodeJS.Timeout | undefined;

  /** @internal */
  constructor(parts: CredentialProviderParts) {
    this.#parts = parts;
    if ('load' in parts.source) this.#source = parts.source;
    else this.#put(parts.source);
  }

  /** The credential in force, or `undefined` before the first use. */
  get credential(): MerchantCredential | undefined {
    return this.#subject.value;
  }

  /**
   * Why the source did not deliver when it was last asked; `undefined` once it has, or once another
   * credential was put in force by hand. What is in force stays so meanwhile.
   */
  get lastError(): WechatPayError | undefined {
    return this.#lastError;
  }

  /** A load that is under way, if one is. @internal */
  get loading(): Promise<unknown> | undefined {
    return this.#loading;
  }

  /** The credential in force and every later one; a late subscriber gets the current one at once. */
  get credential$(): Observable<MerchantCredential> {
    return this.#subject.pipe(filter((credential) => credential !== undefined));
  }

  /**
   * The credential in force, loaded now if it was not yet. Callers share one load; how long each of
   * them waits is its own business and ends nothing for the others.
   *
   * @throws {WechatPayCertificateError} `CREDENTIAL_UNAVAILABLE` when the source fails or delivers
   * something unusable; the message lists every problem
   */
  get(): Promise<MerchantCredential> {
    const { value } = this.#subject;
    return value ? Promise.resolve(value) : this.#loadOnce();
  }

  /**
   * Loads the credential from its source again, now. Does nothing for one given as values.
   *
   * @throws {WechatPayCertificateError} as {@link get}; the credential before stays in force
   */
  async reload(): Promise<MerchantCredential> {
    const { value } = this.#subject;
    if (!this.#source && value) return value;
    await this.#loading?.catch(() => undefined); // it may have read what has changed since
    return this.#loadOnce();
  }

  /**
   * Puts another credential in force, given as values, until the source changes. What is in flight
   * finishes with the one before, which still opens what was encrypted for it.
   *
   * @throws {WechatPayCertificateError} `CREDENTIAL_UNAVAILABLE` when it is unusable; the credential
   * before stays in force
   */
  async replace(material: CredentialMaterial): Promise<MerchantCredential> {
    const order = ++this.#replacements;
    try {
      const checked = await this.#check(material);
      const { value } = this.#subject;
      if (order < this.#inForce && value) return value; // a later one was faster
      const replaced = this.#put(checked);
      this.#inForce = order;
      this.#lastError = undefined;
      this.#follow();
      return replaced;
    } catch (error) {
      this.#lastRefusal = undefined; // somebody decided this: it is said each time
      throw this.#refused(error);
    }
  }

  /** Ends a load that is under way and the watch of the source; completes {@link credential$}. */
  close(): void {
    this.#closing.abort(closed());
    this.#follower?.stop();
    clearTimeout(this.#forgetting);
    this.#subject.complete();
  }

  #loadOnce(): Promise<MerchantCredential> {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** What was put in force by hand meanwhile stays: whoever did it knew more than this load. */
  async #load(): Promise<MerchantCredential> {
    const inForce = this.#inForce;
    const replaced = (): MerchantCredential | undefined =>
      inForce === this.#inForce ? undefined : this.#subject.value;
    try {
      const credential = await this.#withinTime(async (signal) => {
        const material = await this.#source?.load(signal);
        return this.#check(material);
      });
      this.#follow();
      const loaded = replaced() ?? this.#put(credential);
      this.#lastRefusal = undefined;
      this.#lastError = undefined;
      return loaded;
    } catch (cause) {
      const stays = replaced();
      if (stays) return stays;
      const error = this.#refused(cause);
      this.#lastError = error;
      throw error;
    }
  }

  /** Says why nothing new came in force: the same refusal once, however often it is met. */
  #refused(cause: unknown): WechatPayError {
    const { mchid, events } = this.#parts;
    const error =
      cause instanceof WechatPayError
        ? cause
        : new WechatPayCertificateError(
            'CREDENTIAL_UNAVAILABLE',
            `The credential of merchant ${mchid} cannot be loaded from its source: see the cause`,
            { cause, isRetryable: true },
          );
    if (this.#closing.signal.aborted || error.message === this.#lastRefusal) return error;
    this.#lastRefusal = error.message;
    events.publish({ type: 'refused', what: 'credential', error });
    return error;
  }

  async #check(material: CredentialMaterial | undefined): Promise<MerchantCredential> {
    const { mchid, clock, refuse } = this.#parts;
    const checked = checkCredential(mchid, material as CredentialMaterial, clock());
    const credential = 'credential' in checked ? checked.credential : undefined;
    const problems = [...('problems' in checked ? checked.problems : refuse(checked.credential))];
    if (credential && this.#delivered && hasOldSerial(this.#delivered, credential)) {
      problems.push(
        'credential.privateKey is another one than before, but its serial number is the same: give the new certificate with the new key, or restart when the key before was the wrong one',
      );
    }
    if (credential?.signer && credential.certificate !== undefined) {
      const isPair = await isSignerOf(credential, credential.certificate);
      if (!isPair) problems.push('credential.signer does not sign for credential.certificate');
    }
    if (credential && problems.length === 0) return credential;
    throw new WechatPayCertificateError(
      'CREDENTIAL_UNAVAILABLE',
      `The credential of merchant ${mchid} is unusable:${problems.map((problem) => `\n  - ${problem}`).join('')}`,
    );
  }

  /** Puts a checked credential in force: one assignment. */
  #put(credential: MerchantCredential): MerchantCredential {
    const { events, clock, previousKeyMs } = this.#parts;
    const held = this.#delivered;
    const current = this.#subject.value;
    if (held && current && isSameCredential(held, credential)) return current;
    if (this.#closing.signal.aborted) throw closed();
    if (held) {
      this.#predecessors = succeed(
        stillValid(this.#predecessors, clock()),
        held,
        credential,
        clock() + previousKeyMs,
      );
    }
    this.#delivered = credential;
    const published = this.#publish();
    if (!held) events.publish({ type: 'loaded', serial: credential.serialNo });
    else {
      events.publish({
        type: 'rotated',
        serial: credential.serialNo,
        previousSerial: held.serialNo,
        hasNewApiV3Key: !isSameKey(credential.apiV3Keys[0], held.apiV3Keys[0]),
      });
    }
    return published;
  }

  #publish(): MerchantCredential {
    const delivered = this.#delivered as MerchantCredential;
    const { clock } = this.#parts;
    this.#predecessors = stillValid(this.#predecessors, clock());
    const snapshot =
      this.#predecessors.length === 0 ? delivered : withPredecessors(delivered, this.#predecessors);
    this.#subject.next(snapshot);
    clearTimeout(this.#forgetting);
    if (this.#predecessors.length > 0) {
      const nextMs = Math.min(...this.#predecessors.map(({ untilMs }) => untilMs)) - clock();
      this.#forgetting = setTimeout(
        () => this.#publish(),
        Math.min(Math.max(nextMs, 1), MAX_TIMER_MS),
      );
      this.#forgetting.unref();
    }
    return snapshot;
  }

  #follow(): void {
    const changes = this.#source?.changes;
    if (!changes || this.#follower || this.#closing.signal.aborted) return;
    this.#follower = new CredentialFollower(changes, () => this.reload(), this.#parts.random);
  }

  /** A source that ignores its signal must not hold everyone for ever. */
  async #withinTime<T>(load: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(LOAD_TIMEOUT_MS)]);
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([load(signal), aborted]);
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort);
    }
  }
}

function closed(): WechatPayCertificateError {
  return new WechatPayCertificateError(
    'CREDENTIAL_UNAVAILABLE',
    'This merchant was removed or unloaded, or the application is shutting down: get it again for each piece of work',
  );
}
