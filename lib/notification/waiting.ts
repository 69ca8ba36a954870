import type { DispatchSettings } from './receivers.js';

/** How long the platform waits for handlers unless it is said otherwise. */
export const DEFAULT_ACK_TIMEOUT_MS = 4_000;

/** A timer that is longer does not keep the process alive. */
const LONGEST_REF_MS = 60_000;

/** What is left of the time that the platform waits, in milliseconds, counted from the receipt. */
export function leftMs(
  { ackTimeoutMs = DEFAULT_ACK_TIMEOUT_MS }: DispatchSettings,
  receivedAtMs: number,
  nowMs: number,
): number {
  return Math.min(Math.max(ackTimeoutMs - (nowMs - receivedAtMs), 0), ackTimeoutMs);
}

/** The result, or `undefined` when it takes longer. */
export async function timeout<T>(result: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
    if (ms > LONGEST_REF_MS) timer.unref(); // a handler that never returns must not keep the process
  });
  try {
    return await Promise.race([result, over]);
  } finally {
    clearTimeout(timer);
  }
}
