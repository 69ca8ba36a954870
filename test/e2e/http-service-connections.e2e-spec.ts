import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import { merchantContext, testOptions, type TestContext } from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';

const signer = publicKeySigner('platform');

describe('the connections to one host', () => {
  let platform: RawPlatform;
  let context: TestContext;
  /** Ports of the other side, in the order of the requests. */
  let ports: (number | undefined)[];
  /** Answers that the platform has not given yet. */
  let held: (() => void)[];

  beforeEach(() => {
    ports = [];
    held = [];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    jest.useRealTimers();
    await platform.close();
    await context.end();
  });

  /** @param write how to answer; as soon as it came otherwise */
  const connect = async (
    http: { maxConcurrency?: number },
    write: (response: ServerResponse, headers: Record<string, string>) => void,
  ): Promise<void> => {
    platform = await RawPlatform.start(() => ({
      body: '{}',
      signer,
      write: (response, headers) => {
        ports.push(response.req.socket.remotePort);
        write(response, headers);
      },
    }));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        http,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  };

  it.each([1, 2, 5])('are no more than http.maxConcurrency: %d', async (maxConcurrency) => {
    await connect({ maxConcurrency }, (response, headers) => {
      held.push(() => response.writeHead(200, headers).end('{}'));
    });
    const calls = Array.from({ length: 6 }, () => context.http.get('/v3/x'));
    await platform.arrived(maxConcurrency);
    let most = 0;
    for (let answered = 0; answered < 6; answered += 1) {
      await platform.arrived(answered + 1);
      most = Math.max(most, held.length);
      held.shift()?.();
    }
    await Promise.all(calls);
    expect(ports).toHaveLength(6);
    expect(new Set(ports).size).toBe(maxConcurrency);
    expect(most).toBeLessThanOrEqual(maxConcurrency);
  });

  /** A call, and what undici does with its connection afterwards. */
  const call = async (): Promise<void> => {
    await context.http.get('/v3/x');
    for (let turn = 0; turn < 10; turn += 1) await new Promise((next) => setImmediate(next));
  };

  it.each([
    ['the platform does not say how long they last', undefined],
    ['the platform would let them last longer', 'timeout=60'],
  ])('are used again within six seconds and no later, when %s', async (_, keepAlive) => {
    // the platform closes them after eight: a request must never meet that moment
    await connect({}, (response, headers) => {
      const connection = {
        Connection: 'keep-alive',
        ...(keepAlive && { 'Keep-Alive': keepAlive }),
      };
      response.writeHead(200, { ...headers, ...connection }).end('{}');
    });
    fakeTimeouts();
    await call();
    jest.advanceTimersByTime(5_999);
    await call();
    jest.advanceTimersByTime(6_000);
    await call();
    expect(ports).toHaveLength(3);
    expect(ports[1]).toBe(ports[0]);
    expect(ports[2]).not.toBe(ports[0]);
  });

  it('are given up earlier when the platform says so', async () => {
    await connect({}, (response, headers) => {
      const connection = { Connection: 'keep-alive', 'Keep-Alive': 'timeout=5' };
      response.writeHead(200, { ...headers, ...connection }).end('{}');
    });
    fakeTimeouts();
    await call();
    jest.advanceTimersByTime(5_000);
    await call();
    expect(new Set(ports).size).toBe(2);
  });
});
