import { Subject, type Observable } from 'rxjs';
import type { WechatPayError } from '../errors/index.js';

/** Facts that every event carries. */
interface KeyEventBase {
  readonly mchid: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Which certificate an event is about: ours (商户API证书) or one of the platform (平台证书). */
export type CertificateOwner = 'merchant' | 'platform';

/**
 * What happens to the keys of a merchant, for logs, audits and alarms. Serial numbers and times only.
 *
 * @publicApi
 */
export type KeyEvent = KeyEventBase &
  (
    | {
        /** The merchant credential came in force for the first time. */
        readonly type: 'loaded';
        readonly serial: string;
      }
    | {
        /** Another merchant credential came in force; what is in flight finishes with the one before. */
        readonly type: 'rotated';
        readonly serial: string;
        readonly previousSerial: string;
        /** Whether the APIv3 key (APIv3密钥) is another one too. */
        readonly hasNewApiV3Key: boolean;
      }
    | {
        /** A complete list of platform certificates came in force. */
        readonly type: 'renewed';
        readonly source: 'platform' | 'store';
        readonly added: readonly string[];
        /** No longer accepted: expired, or left out for longer than the grace time. */
        readonly dropped: readonly string[];
      }
    | {
        /** A complete list of the platform left these out; they are accepted for the grace time. */
        readonly type: 'left-out';
        readonly serials: readonly string[];
      }
    | {
        /** A credential, or an entry of the store, was not accepted; what was in force stays. */
        readonly type: 'refused';
        readonly what: 'credential' | 'store-entry';
        readonly error: WechatPayError;
      }
    | {
        /** Published once a day. */
        readonly type: 'expiring' | 'expired';
        readonly owner: CertificateOwner;
        readonly serial: string;
        /** Milliseconds since 1970. */
        readonly notAfterMs: number;
      }
    | {
        /** The last good keys stay in use. */
        readonly type: 'refresh-failed';
        readonly error: WechatPayError;
        /** Failures since the last good refresh, from 1. */
        readonly failures: number;
      }
    /** The merchant has no platform certificates: normal in public-key mode. */
    | { readonly type: 'no-certificates' }
    | { readonly type: 'distrusted'; readonly serial: string }
    /** A genuine notification does not open with the APIv3 key (APIv3密钥): someone must act. */
    | { readonly type: 'api-v3-key-wrong' }
    /** Something opened only with a previous APIv3 key (APIv3密钥); published once an hour at most. */
    | { readonly type: 'previous-api-v3-key-used' }
    /** A field of an answer opened only with a previous private key; published once an hour at most. */
    | { readonly type: 'previous-private-key-used' }
    /** The store fails: everything goes on from memory, and each process refreshes for itself. */
    | { readonly type: 'store-lost'; readonly error: WechatPayError }
    | { readonly type: 'store-back' }
  );

/** An event without the facts that its publisher adds. */
export type KeyEventDetail = KeyEvent extends infer E
  ? E extends KeyEvent
    ? Omit<E, keyof KeyEventBase>
    : never
  : never;

/** The events of one merchant, published by the providers of its keys. */
export class KeyEvents {
  readonly #mchid: string;
  readonly #clock: () => number;
  readonly #subject = new Subject<KeyEvent>();

  constructor(mchid: string, clock: () => number) {
    this.#mchid = mchid;
    this.#clock = clock;
  }

  /** What happens from now on. */
  get events$(): Observable<KeyEvent> {
    return this.#subject.asObservable();
  }

  publish(detail: KeyEventDetail): void {
    this.#subject.next({ ...detail, mchid: this.#mchid, atMs: this.#clock() } as KeyEvent);
  }

  close(): void {
    this.#subject.complete();
  }
}
