import { endWith, merge, takeWhile, type Observable } from 'rxjs';

const END = Symbol('end of a watch');

/**
 * Several watches as one that ends as soon as one of them does: a watch that broke off silently must
 * be started again, and who listens here does that for all of them.
 */
export function mergeChanges(
  watches: readonly (Observable<unknown> | undefined)[],
): Observable<unknown> | undefined {
  const given = watches.filter((watch) => watch !== undefined);
  if (given.length === 0) return undefined;
  return merge(...given.map((watch) => watch.pipe(endWith(END)))).pipe(
    takeWhile((event) => event !== END),
  );
}
