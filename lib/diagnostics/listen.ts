import type { TracingChannel } from 'node:diagnostics_channel';

/** What a listener does. */
export interface Listener<Event extends object, State> {
  /** What it remembers of an event until the end. */
  begin(event: Event): State;
  /** Only for events that it saw begin, with what `begin` gave. */
  end(event: Event, state: State): void;
}

/**
 * Listens to the beginnings and the ends of a tracing channel.
 *
 * @returns how to stop: no more beginnings are heard; what has begun is heard to its end
 * @internal
 */
export function listen<Event extends object, State>(
  { start, asyncEnd }: TracingChannel<unknown, Event>,
  { begin, end }: Listener<Event, State>,
): () => void {
  const open = new Map<Event, State>();
  let isStopped = false;
  const begun = (message: unknown): void => {
    const event = message as Event;
    open.set(event, begin(event));
  };
  const ended = (message: unknown): void => {
    const event = message as Event;
    const state = open.get(event);
    if (!open.delete(event)) return;
    if (isStopped && open.size === 0) asyncEnd.unsubscribe(ended);
    end(event, state as State);
  };
  start.subscribe(begun);
  asyncEnd.subscribe(ended);
  return () => {
    isStopped = true;
    start.unsubscribe(begun);
    if (open.size === 0) asyncEnd.unsubscribe(ended);
  };
}
