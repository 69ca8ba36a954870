import type { WechatPayError } from '../errors/index.js';

/** Facts that every event carries. */
interface KeyEventBase {
  readonly mchid: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * What happens to the keys of a merchant, for logs and alarms. Serial numbers and times only.
 *
 * @publicApi
 */
export type KeyEvent = KeyEventBase &
  (
    | {
        /** A complete list of platform certificates came in force. */
        readonly type: 'refreshed';
        readonly source: 'platform' | 'store';
        readonly added: readonly string[];
        readonly leftOut: readonly string[];
        readonly dropped: readonly string[];
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
    /** Something opened only with a previous APIv3 key (APIv3密钥). */
    | { readonly type: 'previous-api-v3-key-used' }
    | { readonly type: 'store-failed'; readonly error: WechatPayError }
  );

/** An event without the facts that its publisher adds. */
export type KeyEventDetail = KeyEvent extends infer E
  ? E extends KeyEvent
    ? Omit<E, keyof KeyEventBase>
    : never
  : never;
