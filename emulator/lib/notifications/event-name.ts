/** What an event is called. @internal */
export interface EventName {
  readonly eventType: string;
  readonly originalType?: string;
}

/**
 * Reads an event type, or `TYPE/original_type` where one event type has several payloads.
 *
 * @param name what it is called where it was given
 * @throws {TypeError} for anything else
 * @internal
 */
export function readEvent(event: unknown, name = 'event'): EventName {
  const [, eventType, originalType] =
    /^([\w.-]{1,64})(?:\/([\w.-]{1,32}))?$/.exec(typeof event === 'string' ? event : '') ?? [];
  if (eventType === undefined) {
    throw new TypeError(
      `${name} must be an event type such as TRANSACTION.SUCCESS, or TYPE/original_type`,
    );
  }
  return { eventType, ...(originalType !== undefined && { originalType }) };
}
