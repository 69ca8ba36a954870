import { sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Subject } from 'rxjs';
import { KeyEvents, type KeyEvent } from '../../lib/events/index.js';
import type {
  CredentialMaterial,
  CredentialSource,
  MerchantCredential,
  MerchantCredentialProvider,
} from '../../lib/merchant/index.js';
import { credentialProvider, rejection } from '../support/merchant-context.js';
import { makeCertificate, pem, rsaKey } from '../support/x509.js';

const MCHID = '1900009191';
const DAY_MS = 86_400_000;

function material(name: string, serial: string, apiV3Key: string): CredentialMaterial {
  const pair = rsaKey(name);
  return {
    privateKey: pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' })),
    certificate: makeCertificate(pair, { serial, commonName: MCHID }),
    apiV3Keys: [apiV3Key],
  };
}
const KEY_A = 'testOnly0123456789abcdefghijklmA';
const KEY_B = 'testOnly0123456789abcdefghijklmB';
const A = material('merchant', '0AAA', KEY_A);
const B = material('merchant-b', '0BBB', KEY_B);
const keyOfB = { privateKey: B.privateKey } as CredentialMaterial;
function recorded(): { stream: KeyEvents; events: KeyEvent[] } {
  const stream = new KeyEvents(MCHID, Date.now);
  const events: KeyEvent[] = [];
  stream.events$.subscribe((event) => events.push(event));
  return { stream, events };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a credential whose source changes', () => {
  let changes: Subject<unknown>;
  let delivered: CredentialMaterial;
  let load: jest.Mock<CredentialSource['load']>;
  let events: KeyEvent[];
  let credentials: MerchantCredentialProvider;

  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    changes = new Subject();
    delivered = A;
    load = jest.fn<CredentialSource['load']>(() => Promise.resolve(delivered));
    const recording = recorded();
    events = recording.events;
    credentials = credentialProvider(MCHID, { load, changes }, recording.stream);
    await credentials.get();
  });
  afterEach(() => {
    credentials.close();
    jest.useRealTimers();
  });

  const change = async (next: CredentialMaterial): Promise<MerchantCredential | undefined> => {
    delivered = next;
    changes.next(undefined);
    await settled();
    return credentials.credential;
  };
  const types = (): string[] => events.map(({ type }) => type);

  it('is replaced as a whole, with an event', async () => {
    const seen: string[] = [];
    credentials.credential$.subscribe(({ serialNo }) => seen.push(serialNo));
    expect(await change(B)).toMatchObject({ serialNo: '0BBB' });
    expect(seen).toEqual(['0AAA', '0BBB']);
    expect(events).toMatchObject([
      { type: 'loaded', serial: '0AAA' },
      { type: 'rotated', serial: '0BBB', previousSerial: '0AAA', hasNewApiV3Key: true },
    ]);
  });

  it('still opens what was encrypted for the keys before, for the configured time', async () => {
    const before = credentials.credential;
    const after = await change(B);
    expect(after?.apiV3Keys.map((key) => key.export().toString())).toEqual([KEY_B, KEY_A]);
    expect(after?.previousPrivateKeys[0]?.equals(before?.privateKey as never)).toBe(true);
    expect(before?.apiV3Keys).toHaveLength(1);
    jest.advanceTimersByTime(DAY_MS - 1);
    expect(credentials.credential?.apiV3Keys).toHaveLength(2);
    jest.advanceTimersByTime(1);
    expect(credentials.credential?.apiV3Keys).toHaveLength(1);
    expect(credentials.credential?.previousPrivateKeys).toHaveLength(0);
  });

  it('keeps no predecessor of a key that stayed the same', async () => {
    const after = await change({ ...B, apiV3Keys: [KEY_A] });
    expect(after?.apiV3Keys).toHaveLength(1);
    expect(after?.previousPrivateKeys).toHaveLength(1);
    expect(events[1]).toMatchObject({ hasNewApiV3Key: false });
  });

  it('keeps no predecessor when only the certificate was renewed', async () => {
    const { certificate } = material('merchant', '0CCC', KEY_A);
    const renewed = await change({ ...A, certificate });
    expect(renewed).toMatchObject({ serialNo: '0CCC', previousPrivateKeys: [] });
    expect(renewed?.apiV3Keys).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'rotated', hasNewApiV3Key: false });
  });

  it('keeps its predecessor however often only the certificate is renewed', async () => {
    await change(B);
    for (let index = 0; index < 9; index += 1) {
      const { certificate } = material('merchant-b', `0CC${index}`, KEY_B);
      await change({ ...B, certificate });
    }
    expect(credentials.credential?.previousPrivateKeys).toHaveLength(1);
    expect(credentials.credential?.apiV3Keys).toHaveLength(2);
  });

  it('keeps a bounded number of predecessors', async () => {
    for (let i = 0; i < 12; i++) {
      await change({
        ...A,
        apiV3Keys: [`testOnly0123456789abcdefghijkl${String(i).padStart(2, '0')}`],
      });
    }
    expect(credentials.credential?.apiV3Keys).toHaveLength(9);
  });

  it('says nothing when the source delivers the same again', async () => {
    const before = credentials.credential;
    expect(await change({ ...A })).toBe(before);
    expect(types()).toEqual(['loaded']);
  });

  it('stays when the new key does not match the new certificate, until it does', async () => {
    expect(await change({ ...A, privateKey: B.privateKey })).toMatchObject({ serialNo: '0AAA' });
    expect(events[1]).toMatchObject({
      type: 'refused',
      what: 'credential',
      error: {
        code: 'CREDENTIAL_UNAVAILABLE',
        message: expect.stringContaining('does not belong'),
      },
    });
    delivered = B; // the certificate follows a moment later, and nobody says so
    await jest.advanceTimersByTimeAsync(1_000);
    await settled();
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
    expect(types()).toEqual(['loaded', 'refused', 'rotated']);
  });

  it('stays when only the key is replaced, and its serial number is not', async () => {
    const { certificate: _, ...withoutCertificate } = A;
    await change({ ...withoutCertificate, serialNo: '0AAA' });
    expect(await change({ ...withoutCertificate, ...keyOfB, serialNo: '0AAA' })).toMatchObject({
      serialNo: '0AAA',
    });
    const refused = events.at(-1) as unknown as { error: Error };
    expect(refused).toMatchObject({ type: 'refused', what: 'credential' });
    expect(refused.error.message).toContain('give the new certificate with the new key');
    expect(await change({ ...withoutCertificate, ...keyOfB, serialNo: '0BBB' })).toMatchObject({
      serialNo: '0BBB',
    });
  });

  it('is tried again with growing pauses of at most a minute, and the refusal is said once', async () => {
    await change({ ...A, privateKey: 'damaged' });
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const before = load.mock.calls.length;
      await jest.advanceTimersByTimeAsync(pause * 1_000 - 1);
      expect(load.mock.calls.length).toBe(before);
      await jest.advanceTimersByTimeAsync(1);
      await settled();
      expect(load.mock.calls.length).toBe(before + 1);
    }
    expect(types()).toEqual(['loaded', 'refused']);
  });

  it('is not taken from a failing source, whose error may hold a secret', async () => {
    load.mockRejectedValue(new Error(KEY_B));
    changes.next(undefined);
    await settled();
    expect(credentials.credential).toMatchObject({ serialNo: '0AAA' });
    const [, refused] = events as unknown as { error: Error }[];
    expect(refused?.error.message).not.toContain(KEY_B);
  });

  it('says why its source fails, until it delivers or somebody replaces it', async () => {
    expect(credentials.lastError).toBeUndefined();
    await change({ ...A, privateKey: B.privateKey });
    expect(credentials.lastError).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    await change(A); // the very one that is in force
    expect(credentials.lastError).toBeUndefined();
    load.mockRejectedValue(new Error('down'));
    await rejection(credentials.reload());
    expect(credentials.lastError?.message).toContain('cannot be loaded from its source');
    await rejection(credentials.replace({ ...A, privateKey: 'damaged' }));
    expect(credentials.lastError?.message).toContain('cannot be loaded from its source');
    await credentials.replace(B);
    expect(credentials.lastError).toBeUndefined();
  });

  it('is loaded once more when the source changes during a load', async () => {
    let finish: (value: CredentialMaterial) => void = () => undefined;
    load.mockImplementationOnce(() => new Promise((resolve) => (finish = resolve)));
    changes.next(undefined);
    await settled();
    delivered = B;
    changes.next(undefined);
    changes.next(undefined);
    finish(A); // read before the change
    await settled();
    await settled();
    expect(load).toHaveBeenCalledTimes(3);
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
  });

  it.each(['error', 'complete'] as const)(
    'is watched again after the watch ends by %s',
    async (how) => {
      let watches = 0;
      const ending = new Subject<unknown>();
      const source: CredentialSource = {
        load,
        changes: {
          subscribe: (observer: never) => (watches++, ending.subscribe(observer)),
        } as never,
      };
      const other = credentialProvider(MCHID, source);
      await other.get();
      expect(watches).toBe(1);
      delivered = B;
      if (how === 'error') ending.error(new Error('gone'));
      else ending.complete();
      await jest.advanceTimersByTimeAsync(1_000);
      await settled();
      expect(watches).toBe(2);
      expect(other.credential).toMatchObject({ serialNo: '0BBB' }); // what was missed
      other.close();
    },
  );

  it('is left alone once the application closes', async () => {
    credentials.close();
    expect(changes.observed).toBe(false);
    await change(B);
    expect(load).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('can be loaded again by hand', async () => {
    delivered = B;
    await expect(credentials.reload()).resolves.toMatchObject({ serialNo: '0BBB' });
    delivered = { ...A, apiV3Keys: ['short'] };
    await expect(rejection(credentials.reload())).resolves.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
    });
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
  });
});

describe('a credential given as values', () => {
  it('can be replaced at run time, and a bad pair is refused', async () => {
    const { stream, events } = recorded();
    const credentials = credentialProvider(MCHID, { load: () => Promise.resolve(A) }, stream);
    await credentials.get();
    await credentials.replace(B);
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
    for (let i = 0; i < 2; i++) {
      const bad = rejection(credentials.replace({ ...A, privateKey: B.privateKey }));
      await expect(bad).resolves.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
    }
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
    expect(events.map(({ type }) => type)).toEqual(['loaded', 'rotated', 'refused', 'refused']);
    credentials.close();
  });

  it('is not overwritten by a load that was under way, however that ends', async () => {
    for (const outcome of ['delivers', 'fails'] as const) {
      let finish: () => void = () => undefined;
      const load = (): Promise<CredentialMaterial> =>
        new Promise((resolve, reject) => {
          finish = () => (outcome === 'delivers' ? resolve(A) : reject(new Error('gone')));
        });
      const { stream, events } = recorded();
      const credentials = credentialProvider(MCHID, { load }, stream);
      const waiting = credentials.get();
      await credentials.replace(B);
      finish();
      await expect(waiting).resolves.toMatchObject({ serialNo: '0BBB' });
      expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
      expect(events.map(({ type }) => type)).toEqual(['loaded']);
      const reloading = credentials.reload();
      await settled();
      expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
      finish(); // one that begins later counts
      await reloading.catch(() => undefined);
      const serialNo = outcome === 'delivers' ? '0AAA' : '0BBB';
      expect(credentials.credential).toMatchObject({ serialNo });
      credentials.close();
    }
  });

  it('is the one that was given last, when an earlier one takes longer to check', async () => {
    const credentials = credentialProvider(MCHID, { load: () => Promise.resolve(A) });
    let allow: () => void = () => undefined;
    const allowed = new Promise<void>((resolve) => (allow = resolve));
    const { privateKey } = rsaKey('merchant-slow');
    const { certificate } = material('merchant-slow', '0DDD', KEY_A);
    const slow = credentials.replace({
      signer: {
        sign: (message: Buffer) => allowed.then(() => sign('sha256', message, privateKey)),
      },
      certificate,
      apiV3Keys: [KEY_A],
    } as unknown as CredentialMaterial);
    await credentials.replace(B);
    await settled();
    allow();
    await expect(slow).resolves.toMatchObject({ serialNo: '0BBB' });
    expect(credentials.credential).toMatchObject({ serialNo: '0BBB' });
    credentials.close();
  });

  it('is in force until the source changes, even before the first load', async () => {
    const changes = new Subject<unknown>();
    const credentials = credentialProvider(MCHID, { load: () => Promise.resolve(A), changes });
    await credentials.replace(B);
    expect(await credentials.get()).toMatchObject({ serialNo: '0BBB' });
    changes.next(undefined);
    await settled();
    expect(credentials.credential).toMatchObject({ serialNo: '0AAA' });
    credentials.close();
  });
});

describe('a credential that cannot be loaded at first', () => {
  it('is an event, once, and loaded at a later call', async () => {
    const load = jest.fn<CredentialSource['load']>();
    const { stream, events } = recorded();
    const credentials = credentialProvider(MCHID, { load }, stream);
    load.mockRejectedValueOnce(new Error('not there')).mockRejectedValueOnce(new Error('nor now'));
    for (let i = 0; i < 2; i++) {
      await expect(rejection(credentials.get())).resolves.toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
      });
    }
    load.mockResolvedValueOnce(A);
    await credentials.get();
    expect(events.map(({ type }) => type)).toEqual(['refused', 'loaded']);
    credentials.close();
  });
});
