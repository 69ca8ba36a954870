import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { NEVER, Subject, type Observable } from 'rxjs';
import { SharedStore, type CertificateStore } from '../../lib/certificates/index.js';
import { WechatPayStoreError } from '../../lib/errors/index.js';

/** How long a lost store is left alone when chance says a half, in milliseconds. */
const PAUSE_MS = 4_000;

describe('a store that merchants share', () => {
  let read: jest.Mock<CertificateStore['read']>;
  let write: jest.Mock<CertificateStore['writeIfNewer']>;
  let changes: jest.Mock<() => Observable<string>>;
  let shared: SharedStore;

  beforeEach(() => {
    jest.useFakeTimers();
    read = jest.fn<CertificateStore['read']>(() => Promise.resolve(undefined));
    changes = jest.fn(() => NEVER as Observable<string>);
    write = jest.fn<CertificateStore['writeIfNewer']>(() => Promise.resolve(true));
    const store = { read, changes, writeIfNewer: write, tryLease: () => Promise.resolve(true) };
    shared = new SharedStore(store, () => 0.5);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const member = (mchid: string) => ({
    mchid,
    sync: jest.fn(() => Promise.resolve()),
    flush: jest.fn(() => Promise.resolve()),
  });
  const answer = { headers: {}, body: Buffer.alloc(0) };
  const failed = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'nothing failed',
      (error: unknown) => error,
    );

  it('is lost once for calls that fail side by side, and asked again once for all', async () => {
    const shop = member('1');
    const leave = shared.join(shop);
    const down = new WechatPayStoreError('down');
    read.mockRejectedValue(down);
    expect(await Promise.all([1, 2, 3].map(() => failed(shared.read('1'))))).toEqual([
      down,
      down,
      down,
    ]);
    expect(await failed(shared.tryLease('x', 1))).toBe(down);
    expect(read).toHaveBeenCalledTimes(3);
    read.mockResolvedValue(undefined);
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(read).toHaveBeenCalledTimes(4);
    expect(shop.sync).toHaveBeenCalledTimes(1);
    await expect(shared.tryLease('x', 1)).resolves.toBe(true);
    leave();
  });

  it('is not lost for anybody when nobody has joined', async () => {
    read.mockRejectedValueOnce(new WechatPayStoreError('down'));
    await failed(shared.read('1'));
    await expect(shared.read('1')).resolves.toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is left alone again when it is still lost, and is back with an entry nobody understands', async () => {
    const shop = member('1');
    const leave = shared.join(shop);
    read.mockRejectedValue(new WechatPayStoreError('down'));
    await failed(shared.read('1'));
    await jest.advanceTimersByTimeAsync(2 * PAUSE_MS);
    expect(read).toHaveBeenCalledTimes(3);
    expect(shop.sync).not.toHaveBeenCalled();
    read.mockRejectedValue(new WechatPayStoreError('damaged', { code: 'STORE_ENTRY_INVALID' }));
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(shop.sync).toHaveBeenCalledTimes(1);
    await expect(shared.tryLease('x', 1)).resolves.toBe(true);
    leave();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is read on while it cannot be written, and written again ever more rarely', async () => {
    const [one, two] = [member('1'), member('2')];
    const leaves = [one, two].map((each) => shared.join(each));
    const readOnly = new WechatPayStoreError('READONLY');
    write.mockRejectedValue(readOnly);
    for (const each of [one, two]) {
      each.flush.mockImplementation(async () => {
        await failed(shared.writeIfNewer(each.mchid, answer));
      });
    }
    expect(await failed(shared.writeIfNewer('1', answer))).toBe(readOnly);
    for (const call of [() => shared.writeIfNewer('2', answer), () => shared.tryLease('x', 1)]) {
      expect(await failed(call())).toBe(readOnly);
    }
    await expect(shared.read('1')).resolves.toBeUndefined();
    expect(write).toHaveBeenCalledTimes(1);
    let writes = 1;
    for (const pauses of [1, 2, 4, 8, 16, 32, 64, 128, 150, 150]) {
      await jest.advanceTimersByTimeAsync(pauses * PAUSE_MS - 1);
      expect(write).toHaveBeenCalledTimes(writes);
      await jest.advanceTimersByTimeAsync(1);
      expect(write).toHaveBeenCalledTimes(++writes);
    }
    write.mockResolvedValue(true);
    await jest.advanceTimersByTimeAsync(150 * PAUSE_MS);
    expect(write).toHaveBeenCalledTimes(writes + 2); // both, now
    expect([one, two].map(({ sync }) => sync.mock.calls.length)).toEqual([0, 0]);
    // and begins anew with short pauses
    write.mockRejectedValueOnce(readOnly);
    await failed(shared.writeIfNewer('1', answer));
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(write).toHaveBeenCalledTimes(writes + 5);
    for (const leave of leaves) leave();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is lost as a whole when it turns out that it cannot be read either', async () => {
    const shop = member('1');
    const leave = shared.join(shop);
    const down = new WechatPayStoreError('down');
    write.mockRejectedValueOnce(down);
    read.mockRejectedValue(down);
    await failed(shared.writeIfNewer('1', answer));
    await jest.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(read).toHaveBeenCalledTimes(10);
    expect(shop.flush).not.toHaveBeenCalled();
    read.mockResolvedValue(undefined);
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(shop.sync).toHaveBeenCalledTimes(1);
    await expect(shared.writeIfNewer('1', answer)).resolves.toBe(true);
    leave();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells a change to the modules of that merchant, and to no other', async () => {
    const told = new Subject<string>();
    changes.mockReturnValue(told);
    const [one, same, other] = [member('1'), member('1'), member('2')];
    const leaves = [one, same, other].map((each) => shared.join(each));
    told.next('1');
    told.next('3');
    expect([one, same, other].map(({ sync }) => sync.mock.calls.length)).toEqual([1, 1, 0]);
    for (const leave of leaves) leave();
    expect(told.observed).toBe(false);
  });

  it.each<[string, () => Observable<string>]>([
    [
      'cannot even begin',
      () => {
        throw new TypeError('no watch');
      },
    ],
    ['ends without a word', () => new Subject<string>()],
  ])('is watched again, and read anew, after a watch that %s', async (_, watch) => {
    const shop = member('1');
    let first: Observable<string> | undefined;
    changes.mockImplementationOnce(() => (first = watch()));
    const leave = shared.join(shop);
    (first as Subject<string> | undefined)?.complete();
    expect(changes).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(PAUSE_MS);
    expect(changes).toHaveBeenCalledTimes(2);
    expect(shop.sync).toHaveBeenCalledTimes(1);
    leave();
    expect(jest.getTimerCount()).toBe(0);
  });
});
