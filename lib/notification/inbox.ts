/**
 * What an inbox says when a handler is about to run. Only who gets `claimed` runs it, and says at the
 * end what came of it.
 *
 * @publicApi
 */
export type InboxClaim =
  | {
      readonly state: 'claimed';
      /** The handler has succeeded: it runs for this event no more. */
      done(): void | Promise<void>;
      /** The handler has failed: whoever comes next may try again. */
      release(): void | Promise<void>;
    }
  | {
      /** Somebody runs it at this moment, or it has run. */
      readonly state: 'running' | 'done';
    };

/**
 * Remembers, for each event and handler, who runs it and whether it has run, so that the platform's
 * duplicates are no work. A lease, not a guarantee: after a crash, or when a handler outlives its lease, it
 * may run twice. For exactly once, claim inside your own database transaction
 * (`notification.claim(tx)`).
 *
 * @publicApi
 */
export interface NotificationInbox {
  /**
   * Asks to run a handler for an event.
   *
   * @param key of event and handler: printable ASCII without spaces, at most 800 characters
   * @returns at once where it is known at once: most promises of a notification are made for nothing
   * @throws anything when it cannot be known: the platform is told to come back
   */
  claim(key: string): InboxClaim | Promise<InboxClaim>;
}

const LONGEST_KEY = 800;
const NOT_IN_KEY = /[^\x21-\x7e]/;

/** @throws {RangeError} unless it is a key as {@link NotificationInbox.claim} takes it */
export function assertInboxKey(key: string): void {
  const isKey = typeof key === 'string' && key !== '' && key.length <= LONGEST_KEY;
  if (isKey && !NOT_IN_KEY.test(key)) return;
  throw new RangeError('The key of an inbox is printable ASCII without spaces, 1 to 800 long');
}

/** How long a finished event is remembered: longer than the platform repeats it (24 h 4 min). */
export const DONE_MS = 48 * 3_600_000;
/**
 * How long a handler may run before its event counts as given up. One that never returns must not
 * keep its event for ever.
 */
export const LONGEST_RUN_MS = 10 * 60_000;
