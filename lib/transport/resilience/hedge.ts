import type { Deadline } from '../deadline.js';
import type { StartedAttempt } from './started-attempt.js';

/** How attempts are put beside the first. */
export interface Hedging<T> {
  readonly deadline: Deadline;
  /** Time without an answer after which another attempt begins. */
  readonly afterMs: number;
  /** Begins it; `undefined` when there may be no more. */
  readonly next: () => StartedAttempt<T> | undefined;
}

/**
 * The first answer of an attempt and of those that begin beside it while none has come; the others are
 * ended then. Fails when all that were begun have failed, as the last of them did.
 */
export function raceHedges<T>(
  first: StartedAttempt<T>,
  { deadline, afterMs, next }: Hedging<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const running = new Set<StartedAttempt<T>>();
    let forget: (() => void) | undefined;
    const watch = (attempt: StartedAttempt<T>): void => {
      running.add(attempt);
      attempt.answer.then(
        (answer) => {
          running.delete(attempt);
          forget?.();
          for (const other of running) other.stop();
          running.clear();
          resolve(answer);
        },
        (error: unknown) => {
          running.delete(attempt);
          if (running.size > 0) return;
          forget?.();
          reject(error);
        },
      );
      forget = deadline.after(afterMs, () => {
        const hedge = running.size > 0 ? next() : undefined;
        if (hedge) watch(hedge);
      });
    };
    watch(first);
  });
}
