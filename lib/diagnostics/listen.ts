import type { TracingChannel } from 'node:diagnostics_channel';

/** What a listener does. */
export interface Listener<Event extends object, State> {
  /** What it remembers of an event until the end. */
  begin(event: Event): State;
  /** Only for events that it saw begin, with what `begin` gave. */
  end(event: Event, state: State): void;
}

/** How long a listener that was stopped waits for what has begun: longer than a call may take. */
const LAST_WAIT_MS = 600_000;

/**
 * Listens to the beginnings and the ends of a tracing channel. What never ends is forgotten with its event.
 *
 * @returns how to stop: no more beginnings are heard; what has begun is heard to its end, for ten minutes
 * at most. Stopping twice is harmless
 * @internal
 */
export function listen<Event extends object, State>(
  { start, asyncEnd }: TracingChannel<unknown, Event>,
  { begin, end }: Listener<Event, State>,
): () => void {
  const states = new WeakMap<Event, { readonly of: State }>();
  let open = 0;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const begun = (message: unknown): void => {
    const event = message as Event;
    states.set(event, { of: begin(event) });
    open += 1;
  };
  const ended = (message: unknown): void => {
    const event = message as Event;
    const state = states.get(event);
    if (!state) return;
    states.delete(event);
    open -= 1;
    if (isStopped && open === 0) leave();
    end(event, state.of);
  };
  const leave = (): void => {
    clearTimeout(timer);
    asyncEnd.unsubscribe(ended);
  };
  start.subscribe(begun);
  asyncEnd.subscribe(ended);
  return () => {
    if (isStopped) return;
    isStopped = true;
    start.unsubscribe(begun);
    if (open === 0) return leave();
    timer = setTimeout(leave, LAST_WAIT_MS);
    timer.unref();
  };
}
