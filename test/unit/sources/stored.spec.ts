import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CredentialField } from '../../../lib/merchant/index.js';
import { storedField } from '../../../lib/certificates/index.js';

const EVERY_MS = 1_000;

describe('a field that a server holds', () => {
  let value: string | undefined;
  let field: CredentialField<Buffer>;

  beforeEach(() => {
    jest.useFakeTimers();
    value = 'one';
    field = storedField({
      what: 'the key',
      read: () => Promise.resolve(value === undefined ? undefined : Buffer.from(value)),
      everyMs: EVERY_MS,
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const load = (): Promise<string> => field.load(new AbortController().signal).then(String);
  const failure = (): Promise<unknown> => load().catch((error: unknown) => error);
  /** Who follows it, and loads at each change. */
  const follow = async () => {
    const seen: string[] = [await load().catch(() => 'nothing')];
    const subscription = field.changes?.subscribe(() => {
      void load().then(
        (loaded) => seen.push(loaded),
        () => seen.push('nothing'),
      );
    });
    await jest.advanceTimersByTimeAsync(100);
    return { seen, stop: () => subscription?.unsubscribe() };
  };
  const poll = (): Promise<unknown> => jest.advanceTimersByTimeAsync(2 * EVERY_MS);

  it('tells everybody who listens, also when one of them was faster to load', async () => {
    const [one, other] = [await follow(), await follow()];
    value = 'two';
    await expect(load()).resolves.toBe('two'); // a third one, before the watch has looked
    await poll();
    expect([one.seen, other.seen]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
    one.stop();
    other.stop();
  });

  it('tells of a change between the load and the subscription', async () => {
    await load();
    value = 'two';
    await load();
    const { seen, stop } = await follow();
    expect(seen).toEqual(['two', 'two']);
    await poll();
    expect(seen).toHaveLength(2);
    stop();
  });

  it('tells of its return, whoever has met its loss', async () => {
    const { seen, stop } = await follow();
    value = undefined;
    await failure();
    value = 'one';
    await poll();
    expect(seen.at(-1)).toBe('one');
    value = undefined;
    await poll();
    value = 'two';
    await poll();
    expect(seen.slice(-2)).toEqual(['nothing', 'two']);
    stop();
  });

  it('says nothing of the same value, nor of one that nobody has seen missing', async () => {
    value = undefined;
    await failure();
    value = 'one';
    const { seen, stop } = await follow();
    await poll();
    expect(seen).toEqual(['one']);
    stop();
  });
});
