import { TOKEN_PREFIX } from '../version.js';

/**
 * A tracing system that listens to our channels, as the core sees it.
 *
 * @internal
 */
export interface TracingSystem {
  /** What a line of the log says of where it belongs, such as `trace 4bf92f…`, if anything. */
  label(): string | undefined;
  /** Runs the work of an event, with the span that stands for the event as the active one. */
  run<T>(event: object, work: () => T): T;
}

/** The same for all copies of this package in a process. */
const SYSTEMS = Symbol.for(`${TOKEN_PREFIX}:tracing-systems`);
type Global = typeof globalThis & { [SYSTEMS]?: readonly TracingSystem[] };

function systems(): readonly TracingSystem[] {
  return (globalThis as Global)[SYSTEMS] ?? [];
}

function set(all: readonly TracingSystem[]): void {
  (globalThis as Global)[SYSTEMS] = all;
}

/**
 * Puts a tracing system beside those that are there.
 *
 * @returns how to take it out again
 * @internal
 */
export function addTracingSystem(system: TracingSystem): () => void {
  set([...systems(), system]);
  return () => set(systems().filter((each) => each !== system));
}

/** What the first tracing system that knows a trace says of this place. @internal */
export function currentTrace(): string | undefined {
  for (const system of systems()) {
    const label = system.label();
    if (label !== undefined) return label;
  }
  return undefined;
}

/** Runs the work of an event as every tracing system wants it run. @internal */
export function runTraced<T>(event: object, work: () => T): T {
  return systems().reduce<() => T>((next, system) => () => system.run(event, next), work)();
}
