import { buffer } from 'node:stream/consumers';
import type { ServerResponse } from 'node:http';
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
const GENERATION_MS = 5 * 60_000;
const signer = publicKeySigner('platform');

describe('what runs when connections are replaced by new ones', () => {
  let platform: RawPlatform;
  let context: TestContext;
  let held: { response: ServerResponse; headers: Record<string, string> }[];
  const ports = new Set<number | undefined>();

  beforeEach(async () => {
    held = [];
    ports.clear();
    platform = await RawPlatform.start(({ target }) => ({
      body: '{"ok":true}',
      signer,
      ...(target !== '/v3/x' && {
        write: (response: ServerResponse, headers: Record<string, string>) => {
          ports.add(response.req.socket.remotePort);
          held.push({ response, headers });
          if (target === FILE) response.writeHead(200).write('a,');
        },
      }),
    }));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
    fakeTimeouts();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    jest.useRealTimers();
    await platform.close();
    await context.end();
  });

  /** Five minutes later the next call takes new connections. */
  const startNewGeneration = async (): Promise<void> => {
    const later = performance.now() + GENERATION_MS;
    jest.spyOn(performance, 'now').mockReturnValue(later);
    await context.http.get('/v3/x');
    jest.advanceTimersByTime(10_000); // what would be cut off after a grace time would be so now
    for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
  };

  it('goes on: a download is read to its end', async () => {
    const { body } = await context.http.stream(FILE);
    await startNewGeneration();
    held[0]?.response.end('b');
    expect((await buffer(body)).toString()).toBe('a,b');
  });

  it('goes on: a call gets its answer', async () => {
    const call = context.http.post('/v3/slow', {}, { timeoutMs: 600_000 });
    await platform.arrived(1);
    await startNewGeneration();
    const [{ response, headers } = { response: undefined, headers: {} }] = held;
    response?.writeHead(200, headers).end('{"ok":true}');
    await expect(call).resolves.toMatchObject({ data: { ok: true } });
  });

  it('leaves the old connections to it: the next call makes a new one', async () => {
    const first = context.http.post('/v3/slow', {}, { timeoutMs: 600_000 });
    await platform.arrived(1);
    held[0]?.response.writeHead(200, held[0].headers).end('{"ok":true}');
    await first;
    await startNewGeneration();
    const second = context.http.post('/v3/slow', {}, { timeoutMs: 600_000 });
    await platform.arrived(3);
    held[1]?.response.writeHead(200, held[1].headers).end('{"ok":true}');
    await second;
    expect(ports.size).toBe(2);
  });

  it.each(['/v3/slow', FILE])(
    'ends a second after the application closes and not before: %s',
    async (target) => {
      let isOver = false;
      const call =
        target === FILE
          ? context.http.stream(FILE).then(({ body }) => buffer(body))
          : context.http.post(target, {}, { timeoutMs: 600_000 });
      const outcome = rejection(call).finally(() => (isOver = true));
      await platform.arrived(1);
      await startNewGeneration();
      const closed = context.end();
      jest.advanceTimersByTime(999);
      for (let turn = 0; turn < 20; turn += 1) await new Promise((next) => setImmediate(next));
      expect(isOver).toBe(false);
      jest.advanceTimersByTime(1);
      await closed;
      await expect(outcome).resolves.toMatchObject({
        code: target === FILE ? 'CONNECTION_FAILED' : 'RESULT_UNKNOWN',
      });
    },
  );
});
