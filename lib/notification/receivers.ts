import type { NotificationInbox } from './inbox.js';
import type { NotificationQueue } from './queue.js';
import type { NotificationReceiver } from './receive.js';
import { TOKEN_PREFIX } from '../version.js';

/** Who notifications can be for; the registry of merchants is this. */
export interface NotificationReceivers {
  /** @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN` */
  get(name: string | undefined): NotificationReceiver;
  /** The merchant of this name or mchid, if it is loaded now. */
  find(name: string): NotificationReceiver | undefined;
  /** Told of one to whom the platform has spoken; to be found alone, by a stranger, is no use. */
  used(name: string): void;
  /** How a merchant of this name may yet come, by its mchid: by `resolve`, or only when it is added. */
  mayCome(name: string): 'resolved' | 'added' | undefined;
  /**
   * Why a route that names nobody finds nobody: several merchants are registered, and none is the default
   * one. `isFinal` unless merchants are resolved at run time.
   */
  ambiguity(): { readonly sentence: string; readonly isFinal: boolean } | undefined;
  /** Where events are remembered of merchants without an inbox of their own. */
  readonly inbox: NotificationInbox;
  /**
   * Calls `start` for the queue of every merchant that is loaded, and later for those of merchants that
   * come, which are not usable before it resolves. One queue may come several times.
   */
  forEachQueue(start: (queue: NotificationQueue) => Promise<void>): Promise<void>;
  /** How notifications of this registration are handled. */
  settingsOf(name: string): DispatchSettings;
  /**
   * The merchant of this name, loaded now if it can be; within a bound, as strangers choose the name.
   *
   * @returns `undefined` when too many are looked for just now
   * @throws {WechatPayConfigurationError} `MERCHANT_UNKNOWN`
   * @throws {WechatPayTransportError} `TIMEOUT`, `OVERLOADED`
   */
  load(name: string): Promise<NotificationReceiver | undefined>;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/**
 * How the handlers of a registration are run.
 *
 * @publicApi
 */
export interface DispatchSettings {
  /**
   * How long the platform waits for handlers, 100 to 4,900 ms, counted from the receipt: what fetching a
   * key took is no longer theirs. Those that take longer go on, and the platform delivers again, to find
   * them finished. @default 4000
   */
  readonly ackTimeoutMs?: number | undefined;
  /**
   * What becomes of an event that no handler takes: `accept` answers 204 with a warning in the log,
   * `refuse` answers 500, so that the platform keeps it for a day. @default 'accept'
   */
  readonly unhandled?: 'accept' | 'refuse' | undefined;
}

/** Token of {@link NotificationReceivers}. */
export const NOTIFICATION_RECEIVERS = `${TOKEN_PREFIX}:receivers`;
/** Metadata key of `@WechatPayNotify()` options. */
export const NOTIFY_OPTIONS = `${TOKEN_PREFIX}:notify-options`;

/**
 * Settings of a notification route.
 *
 * @publicApi
 */
export interface WechatPayNotifyOptions {
  /**
   * Name of the merchant that the route is for, or how to tell from the request (its path, not its
   * content: nothing is verified yet). @default the default merchant, or the only one
   */
  readonly merchant?: string | ((request: never) => string) | undefined;
}
