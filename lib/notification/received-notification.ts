import type { SignedHeaderSource } from '../certificates/index.js';
import { eventKey } from './event-key.js';
import type { NotificationInbox } from './inbox.js';
import type { NotificationQueue } from './queue.js';
import { claimInTransaction, type SqlTransaction } from './transactional-claim.js';

/** What a notification is made of. */
export interface NotificationContent {
  readonly id: string;
  readonly eventType: string;
  readonly createTime: string;
  readonly originalType: string | undefined;
  readonly summary: string | undefined;
  readonly merchant: string;
  readonly mchid: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The bytes that a notification was verified from. */
export interface NotificationSource {
  readonly headers: SignedHeaderSource;
  readonly body: Buffer;
  /** The time that it was fresh at, in milliseconds since 1970. */
  readonly receivedAtMs: number;
}

/** Where the notifications of a merchant go. It goes with each of them: a merchant may be unloaded meanwhile. */
export interface NotificationPlaces {
  /** Where its events are remembered; `undefined` for the memory that all merchants share. */
  readonly inbox?: NotificationInbox | undefined;
  /** Where its notifications wait for their handlers; `undefined` when handlers run at once. */
  readonly queue?: NotificationQueue | undefined;
}

/** Who claims where no handler was found by its decorator: a method of the application's own controller. */
const ROUTE = 'route';

/** A verified notification in the hands of one handler. */
export class ReceivedNotification implements NotificationContent {
  readonly id: string;
  readonly eventType: string;
  readonly createTime: string;
  readonly originalType: string | undefined;
  readonly summary: string | undefined;
  readonly merchant: string;
  readonly mchid: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly #source: NotificationSource | undefined;
  readonly #places: NotificationPlaces;
  readonly #handler: string;

  constructor(
    content: NotificationContent,
    source: NotificationSource | undefined,
    places: NotificationPlaces = {},
    handler: string = ROUTE,
  ) {
    // Named one by one: spreading costs several microseconds of a route that has few.
    this.id = content.id;
    this.eventType = content.eventType;
    this.createTime = content.createTime;
    this.originalType = content.originalType;
    this.summary = content.summary;
    this.merchant = content.merchant;
    this.mchid = content.mchid;
    this.payload = content.payload;
    this.#source = source;
    this.#places = places;
    this.#handler = handler;
    Object.freeze(this);
  }

  /** What it was verified from, to verify it again elsewhere; nothing for what a query has found. */
  static sourceOf(notification: ReceivedNotification): NotificationSource | undefined {
    return notification.#source;
  }

  /** Where the merchant that it was received for has it go. */
  static placesOf(notification: ReceivedNotification): NotificationPlaces {
    return notification.#places;
  }

  /** The same notification in the hands of another handler. */
  for(handler: string): ReceivedNotification {
    return new ReceivedNotification(this, this.#source, this.#places, handler);
  }

  get key(): string {
    return eventKey(this);
  }

  claim(tx: SqlTransaction, { table }: { readonly table?: string } = {}): Promise<boolean> {
    const { key, id } = this;
    return claimInTransaction(tx, { key, handler: this.#handler, notificationId: id }, table);
  }
}
