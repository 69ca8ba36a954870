import { currentTrace } from './tracing-system.js';

/** Whoever sends it chooses it: nothing else may get into a log. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/**
 * A line of the log with the trace that it belongs to, `… [trace 4bf92f…]`, or else the id that a proxy
 * gave the inbound request, `… [request 7f3a…]`; as it is where neither is known.
 *
 * @param headers of the inbound request, by lower-case name
 * @internal
 */
export function withTrace(message: string, headers?: Readonly<Record<string, unknown>>): string {
  const label = currentTrace() ?? requestOf(headers?.['x-request-id']);
  return label === undefined ? message : `${message} [${label}]`;
}

function requestOf(id: unknown): string | undefined {
  return typeof id === 'string' && REQUEST_ID.test(id) ? `request ${id}` : undefined;
}
