import type { HandlerEvent } from '../diagnostics/index.js';
import { WechatPayNotificationError } from '../errors/index.js';
import type { HandlerTable, NotificationHandler } from './handler-table.js';
import { LONGEST_RUN_MS, type InboxClaim, type NotificationInbox } from './inbox.js';
import type { ReceivedNotification } from './received-notification.js';
import type { DispatchSettings } from './receivers.js';
import { handleTraced } from './traced-handler.js';
import { DEFAULT_ACK_TIMEOUT_MS, isPending, Patience } from './waiting.js';

/** What a dispatcher tells of a notification, for logs. */
export interface DispatchReports {
  /** A handler failed: who, and its error. */
  failed(of: ReceivedNotification, handler: string, error: unknown, isLate: boolean): void;
  /** A handler succeeded, and the inbox could not be told. */
  unremembered(of: ReceivedNotification, handler: string): void;
  /** The platform was told to come back, and the handlers go on. */
  late(of: ReceivedNotification, ackTimeoutMs: number): void;
  /** Nobody handles events of this kind. */
  unhandled(of: ReceivedNotification): void;
}

/** What a {@link NotificationDispatcher} is made of. */
export interface DispatcherParts {
  readonly handlers: HandlerTable;
  readonly reports: DispatchReports;
}

/** How one notification is handled. */
export interface DispatchOptions extends Omit<DispatchSettings, 'unhandled'> {
  readonly unhandled?: DispatchSettings['unhandled'] | 'ignore';
  readonly inbox: NotificationInbox;
}

type Outcome = 'done' | 'duplicate' | 'busy' | { readonly error: unknown };

/**
 * Brings a genuine notification to its handlers: each runs once for an event, side by side, and what
 * failed runs again at the next delivery.
 */
export class NotificationDispatcher {
  readonly #parts: DispatcherParts;
  /** What goes on after the platform was told to come back. */
  readonly #late = new Set<Promise<unknown>>();
  readonly #patience = new Patience();

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when every handler has succeeded, now or before.
   *
   * @throws {WechatPayNotificationError} `NOTIFICATION_BUSY`, `NOTIFICATION_LATE`,
   * `NOTIFICATION_FAILED` or `NOTIFICATION_UNHANDLED`
   */
  async dispatch(notification: ReceivedNotification, options: DispatchOptions): Promise<void> {
    const { inbox, ackTimeoutMs = DEFAULT_ACK_TIMEOUT_MS } = options;
    const { reports } = this.#parts;
    const { id } = notification;
    const found = this.#find(notification, options);
    if (!found) return;
    const run = new Run(notification, inbox, reports);
    const all = Promise.all(found.map((handler) => run.handle(handler)));
    const outcomes = await this.#patience.within(all, ackTimeoutMs);
    if (outcomes) return judge(outcomes, id);
    run.isLate = true;
    this.#goOn(all, LONGEST_RUN_MS - ackTimeoutMs);
    reports.late(notification, ackTimeoutMs);
    throw new WechatPayNotificationError(
      'NOTIFICATION_LATE',
      `Handlers have taken longer than ${ackTimeoutMs} ms; they go on, and the event comes again`,
      { notificationId: id },
    );
  }

  /**
   * Whether somebody handles this notification; decided before it is put anywhere.
   *
   * @returns `false` for one that is accepted all the same
   * @throws {WechatPayNotificationError} `NOTIFICATION_UNHANDLED`
   */
  assertHandled(
    notification: ReceivedNotification,
    options: Pick<DispatchOptions, 'unhandled'>,
  ): boolean {
    return this.#find(notification, options) !== undefined;
  }

  #find(
    notification: ReceivedNotification,
    { unhandled }: Pick<DispatchOptions, 'unhandled'>,
  ): readonly NotificationHandler[] | undefined {
    const { handlers, reports } = this.#parts;
    const found = handlers.find(notification);
    if (found.length > 0) return found;
    if (unhandled === 'ignore') return undefined;
    const { eventType, id } = notification;
    reports.unhandled(notification);
    if (unhandled !== 'refuse') return undefined;
    throw new WechatPayNotificationError(
      'NOTIFICATION_UNHANDLED',
      `No handler takes ${eventType}: add @OnWechatPayNotification('${eventType}')`,
      { notificationId: id },
    );
  }

  /** What never returns is forgotten after a time, and its notification with it. */
  #goOn(all: Promise<unknown>, forgetAfterMs: number): void {
    this.#late.add(all);
    const timer = setTimeout(() => this.#late.delete(all), forgetAfterMs);
    timer.unref();
    void all.then(() => {
      this.#late.delete(all);
      clearTimeout(timer);
    });
  }

  /** Waits until nothing runs any more, for so long at most. */
  async settled(withinMs: number): Promise<void> {
    const running = [...this.#patience.pending, ...this.#late];
    if (running.length > 0) await new Patience().within(Promise.all(running), withinMs);
  }
}

/** One delivery on its way through its handlers. */
class Run {
  isLate = false;
  readonly #notification: ReceivedNotification;
  readonly #key: string;
  readonly #inbox: NotificationInbox;
  readonly #reports: DispatchReports;

  constructor(
    notification: ReceivedNotification,
    inbox: NotificationInbox,
    reports: DispatchReports,
  ) {
    this.#notification = notification;
    this.#key = notification.key;
    this.#inbox = inbox;
    this.#reports = reports;
  }

  /** Never rejects. */
  handle(handler: NotificationHandler): Promise<Outcome> {
    return handleTraced(
      this.#notification,
      handler.name,
      () => this.#outcomeOf(handler),
      (outcome) => this.#judged(outcome),
    );
  }

  #judged(outcome: Outcome): Pick<HandlerEvent, 'outcome' | 'error'> {
    if (typeof outcome === 'object') return { outcome: 'failed', error: outcome.error };
    if (outcome !== 'done') return { outcome };
    return { outcome: this.isLate ? 'late' : 'handled' };
  }

  async #outcomeOf(handler: NotificationHandler): Promise<Outcome> {
    const { name } = handler;
    let claim: InboxClaim;
    try {
      const asked = this.#inbox.claim(`${this.#key}~${name}`);
      claim = isPending(asked) ? await asked : asked;
      if (claim.state !== 'claimed') return claim.state === 'done' ? 'duplicate' : 'busy';
    } catch (error) {
      this.#reports.failed(this.#notification, name, error, this.isLate);
      return { error };
    }
    try {
      await handler.run(this.#notification.for(name));
    } catch (error) {
      await this.#release(claim);
      if (isBusy(error)) return 'busy';
      this.#reports.failed(this.#notification, name, error, this.isLate);
      return { error };
    }
    try {
      const told = claim.done();
      if (isPending(told)) await told;
    } catch {
      this.#reports.unremembered(this.#notification, name);
    }
    return 'done';
  }

  /** An inbox may be anybody's, and may throw at once. */
  async #release(claim: Extract<InboxClaim, { state: 'claimed' }>): Promise<void> {
    try {
      await claim.release();
    } catch {
      // the lease ends by itself
    }
  }
}

/** One failure makes the platform come back; so does something that is not finished. */
function judge(outcomes: readonly Outcome[], notificationId: string): void {
  if (outcomes.every((outcome) => outcome === 'done' || outcome === 'duplicate')) return;
  const errors = outcomes.flatMap((outcome) =>
    typeof outcome === 'object' ? [outcome.error] : [],
  );
  if (errors.length > 0) {
    throw new WechatPayNotificationError(
      'NOTIFICATION_FAILED',
      'A handler has failed: see the cause; the event comes again',
      { cause: errors.length === 1 ? errors[0] : new AggregateError(errors), notificationId },
    );
  }
  throw new WechatPayNotificationError(
    'NOTIFICATION_BUSY',
    'This event is being handled at this moment: it comes again',
    { notificationId },
  );
}

function isBusy(error: unknown): boolean {
  return error instanceof WechatPayNotificationError && error.code === 'NOTIFICATION_BUSY';
}
