import { firstValueFrom, timeout, type Observable } from 'rxjs';

/** Waits for the next emission, no longer than ten seconds. */
export async function nextEmission(changes: Observable<unknown> | undefined): Promise<void> {
  if (!changes) throw new Error('nothing to watch');
  await firstValueFrom(changes.pipe(timeout({ first: 10_000 })), { defaultValue: undefined });
}
