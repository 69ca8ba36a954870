/** Rejects with the signal's reason when it is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    signal.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      fail(signal.reason);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', stop);
        done();
      },
      Math.max(0, ms),
    );
    signal.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Looks until it holds.
 *
 * @returns how long that took in milliseconds, or `undefined` when it did not hold in time
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs) return undefined;
    await pause(10, signal);
  }
  return performance.now() - start;
}
