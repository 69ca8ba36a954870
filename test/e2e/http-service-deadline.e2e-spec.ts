import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';

const FILE = '/v3/billdownload/file?token=abc';
const signer = publicKeySigner('platform');
const publicKey = publicKeyOption('platform');

/** A credential that never comes. */
const silentSource = { load: (): Promise<never> => new Promise(() => undefined) };

/** What a call has come to after all that is due has happened, network aside. */
async function stateOf(call: Promise<unknown>): Promise<string> {
  const turns = async (): Promise<'waiting'> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
    return 'waiting';
  };
  const ended = call.then(
    () => 'answered',
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );
  return Promise.race([ended, turns()]);
}

describe('the total time of a call', () => {
  let platform: RawPlatform;
  let context: TestContext;

  beforeEach(async () => {
    // the list of certificates never comes, anything else does
    platform = await RawPlatform.start(({ target }) =>
      target === '/v3/certificates' ? { write: () => undefined } : { body: '{}', signer },
    );
    fakeTimeouts();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await platform.close();
    await context.end();
  });

  const connect = (overrides: Partial<Parameters<typeof testOptions>[0]> = {}): void => {
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey },
        ...overrides,
      }),
    );
  };

  /** Fails unless the call ends when its time is over, and not a millisecond before. */
  const expectEnd = async (call: Promise<unknown>, afterMs: number): Promise<void> => {
    call.catch(() => undefined);
    jest.advanceTimersByTime(afterMs - 1);
    expect(await stateOf(call)).toBe('waiting');
    jest.advanceTimersByTime(1);
    expect(await stateOf(call)).toBe(`TIMEOUT: The call took longer than ${afterMs} ms`);
    await expect(rejection(call)).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      wasSent: false,
      isResultUnknown: false,
      isRetryable: true,
    });
  };

  it.each(['GET', 'POST'] as const)(
    'holds for a credential source that never answers: %s',
    async (method) => {
      connect({ credential: silentSource });
      await expectEnd(context.http.request({ method, path: '/v3/x', timeoutMs: 3_000 }), 3_000);
      expect(platform.requests).toHaveLength(0);
    },
  );

  it('holds for a credential source that never answers a download of a file', async () => {
    connect({ credential: silentSource });
    await expectEnd(context.http.stream(FILE, { headersTimeoutMs: 3_000 }), 3_000);
    expect(platform.requests).toHaveLength(0);
  });

  it('holds for a credential source that never answers a download of certificates', async () => {
    connect({ credential: silentSource, platform: {}, http: { timeoutMs: 3_000 } });
    await expectEnd(context.certificates.refresh(), 3_000);
    expect(platform.requests).toHaveLength(0);
  });

  it.each(['GET', 'POST'] as const)(
    'holds for the first download of certificates: %s',
    async (method) => {
      connect({ platform: {} });
      const call = context.http.request({ method, path: '/v3/x', timeoutMs: 3_000 });
      await platform.arrived(1);
      await expectEnd(call, 3_000);
      expect(platform.requests).toHaveLength(1);
    },
  );

  it('holds for the download of a certificate to encrypt with', async () => {
    connect({ platform: { publicKey, publicKeyShare: 0 } });
    const call = context.http.post(
      '/v3/x',
      { name: '张三' },
      { encrypted: ['name'], timeoutMs: 3_000 },
    );
    await platform.arrived(1);
    await expectEnd(call, 3_000);
    expect(platform.count('/v3/x')).toBe(0);
  });

  it('is ten seconds unless told otherwise, for calls, files and certificates', async () => {
    connect({ credential: silentSource, platform: { publicKey } });
    await expectEnd(context.http.get('/v3/x'), 10_000);
    await expectEnd(context.http.stream(FILE), 10_000);
    await expectEnd(context.certificates.refresh(), 10_000);
  });

  it('is what http.timeoutMs says, but never more than ten seconds for certificates', async () => {
    connect({
      credential: silentSource,
      platform: { publicKey },
      http: { timeoutMs: 60_000 },
    });
    await expectEnd(context.http.get('/v3/x'), 60_000);
    await expectEnd(context.certificates.refresh(), 10_000);
  });

  it('is the only clock of a call, and 30 seconds are the longest pause of a file', async () => {
    const seen: unknown[] = [];
    const dispatch = ({ headersTimeout, bodyTimeout }: Record<string, unknown>): boolean => {
      seen.push({ headersTimeout, bodyTimeout });
      throw new Error('no network');
    };
    connect({ http: { dispatcher: { dispatch } } });
    await rejection(context.http.get('/v3/x'));
    await rejection(context.http.stream(FILE));
    await rejection(context.http.stream(FILE, { idleTimeoutMs: 5_000 }));
    expect(seen).toEqual([
      { headersTimeout: 0, bodyTimeout: 0 },
      { headersTimeout: 0, bodyTimeout: 30_000 },
      { headersTimeout: 0, bodyTimeout: 5_000 },
    ]);
  });
});
