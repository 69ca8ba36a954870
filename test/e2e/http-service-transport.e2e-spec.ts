import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';

const signer = publicKeySigner('platform');
const MIB = 1024 * 1024;
const contentTypes = { 'Content-Type': 'application/json' };

/** A port that nobody listens on. */
async function closedPort(): Promise<string> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('calls that break on the way', () => {
  let platform: RawPlatform;
  let contexts: TestContext[];
  let context: TestContext;

  const connect = (overrides: Partial<Parameters<typeof testOptions>[0]> = {}): TestContext => {
    const made = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        ...overrides,
      }),
    );
    contexts.push(made);
    return made;
  };

  beforeEach(async () => {
    contexts = [];
    platform = await RawPlatform.start(() => ({ body: '{"ok":true}', signer }));
    context = connect();
  });

  afterEach(async () => {
    await platform.close(); // first, so that nothing is waited for that hangs
    await Promise.all(contexts.map((each) => each.end()));
  });

  const both = async (expected: object): Promise<void> => {
    const read = await rejection(context.http.get('/v3/x'));
    expect(read).toMatchObject({ name: 'WechatPayTransportError', wasSent: true, ...expected });
    const write = await rejection(context.http.post('/v3/x', { a: 1 }));
    expect(write).toMatchObject({ code: 'RESULT_UNKNOWN', isResultUnknown: true, cause: expected });
  };

  it('leaves the result open when the connection is reset before the answer', async () => {
    platform.handler = () => ({ write: (response) => response.socket?.resetAndDestroy() });
    await both({ code: 'CONNECTION_FAILED', isRetryable: true });
  });

  it('leaves the result open when the connection is dropped after the platform acted', async () => {
    platform.handler = () => ({ write: (response) => response.destroy() });
    await both({ code: 'CONNECTION_FAILED' });
  });

  it('leaves the result open when the body is cut off', async () => {
    platform.handler = () => ({
      body: '{"ok":true}',
      signer,
      write: (response, headers) => {
        response.writeHead(200, { ...headers, 'Content-Length': 11 });
        response.write('{"ok"', () => response.destroy());
      },
    });
    await both({ code: 'CONNECTION_FAILED' });
  });

  it('takes what came before a connection ended for a whole body only if that is signed', async () => {
    const body = '{"ok":true}';
    const untilTheEnd = (text: string) => ({
      body,
      signer,
      write: (response: ServerResponse, headers: Record<string, string>) => {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        response.socket?.end(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n${text}`);
      },
    });
    platform.handler = () => untilTheEnd('{"ok"');
    const read = await rejection(context.http.get('/v3/x'));
    expect(read).toMatchObject({ code: 'SIGNATURE_INVALID' });
    const write = await rejection(context.http.post('/v3/x', {}));
    expect(write).toMatchObject({ code: 'RESULT_UNKNOWN', cause: { code: 'SIGNATURE_INVALID' } });
    platform.handler = () => untilTheEnd(body);
    await expect(context.http.get('/v3/x')).resolves.toMatchObject({ data: { ok: true } });
  });

  it('accepts a body of 4 MiB, and refuses one byte more', async () => {
    const text = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;
    platform.handler = () => ({ body: text(4 * MIB), signer });
    const { data } = await context.http.get<string>('/v3/x');
    expect(data).toHaveLength(4 * MIB - 2);
    platform.handler = () => ({ body: text(4 * MIB + 1), signer });
    await both({ code: 'ANSWER_TOO_LARGE', isRetryable: false });
  });

  it('refuses a body of 10 MB whose length is announced', async () => {
    platform.handler = () => ({ body: Buffer.alloc(10 * MIB, 0x20), signer });
    await both({ code: 'ANSWER_TOO_LARGE', isRetryable: false });
  });

  it('refuses a body without end after 4 MiB', async () => {
    let written = 0;
    platform.handler = () => ({
      write: (response) => {
        const chunk = Buffer.alloc(64 * 1024, 0x20);
        response.writeHead(200, contentTypes);
        const more = (): void => {
          do written += chunk.length;
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', more);
        more();
      },
    });
    await both({ code: 'ANSWER_TOO_LARGE' });
    // two calls, and what waits in the buffers between
    expect(written).toBeLessThan(48 * MIB);
  });

  describe('within one total time', () => {
    beforeEach(() => {
      fakeTimeouts();
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    /** Both kinds of call, each ended by the clock once the platform has it. */
    const timeOut = async (): Promise<void> => {
      for (const [index, method] of (['GET', 'POST'] as const).entries()) {
        const call = rejection(context.http.request({ method, path: '/v3/x', timeoutMs: 3_000 }));
        await platform.arrived(index + 1);
        jest.advanceTimersByTime(3_000);
        const timeout = { code: 'TIMEOUT', isRetryable: true, wasSent: true };
        await expect(call).resolves.toMatchObject(
          method === 'GET' ? timeout : { code: 'RESULT_UNKNOWN', cause: timeout },
        );
      }
    };

    it('gives up when the headers do not come', async () => {
      platform.handler = () => ({ write: () => undefined });
      await timeOut();
    });

    it('gives up when the body does not end, however often a byte comes', async () => {
      platform.handler = () => ({
        write: (response) => {
          response.writeHead(200, contentTypes).flushHeaders();
          const more = (): void => {
            if (!response.destroyed) response.write(' ', () => setImmediate(more));
          };
          more();
        },
      });
      await timeOut();
    });

    it('leaves the result of a write open when the download of an unknown certificate outlasts the call', async () => {
      context = connect({
        platform: { certificates: true, publicKey: publicKeyOption('platform') },
        http: { timeoutMs: 3_000 },
      });
      platform.handler = ({ target }) =>
        target === '/v3/certificates'
          ? { write: () => undefined }
          : { body: '{}', signer, signature: { serial: 'ABCDEF' } };
      const call = rejection(context.http.post('/v3/x', {}));
      await platform.arrived(2);
      jest.advanceTimersByTime(3_000);
      await expect(call).resolves.toMatchObject({
        code: 'RESULT_UNKNOWN',
        isResultUnknown: true,
        cause: { code: 'TIMEOUT' },
      });
    });

    it('waits no longer for a free connection than the call may take', async () => {
      context = connect({ http: { maxConcurrency: 1 } });
      platform.handler = () => ({ write: () => undefined });
      const first = rejection(context.http.get('/v3/x', { timeoutMs: 9_000 }));
      await platform.arrived(1);
      const second = rejection(context.http.post('/v3/x', {}, { timeoutMs: 1_000 }));
      // the signature is made on another thread; then the call stands in line
      await new Promise((resolve) => setImmediate(resolve));
      jest.advanceTimersByTime(1_000);
      await expect(second).resolves.toMatchObject({ code: 'TIMEOUT', wasSent: false });
      jest.advanceTimersByTime(8_000);
      await expect(first).resolves.toMatchObject({ code: 'TIMEOUT', wasSent: true });
      expect(platform.requests).toHaveLength(1);
    });
  });

  it('sends nothing when the signal was aborted before', async () => {
    const reason = new Error('user went away');
    for (const call of [
      context.http.get('/v3/x', { signal: AbortSignal.abort(reason) }),
      context.http.post('/v3/x', {}, { signal: AbortSignal.abort(reason) }),
    ].map(rejection)) {
      await expect(call).resolves.toMatchObject({
        code: 'ABORTED',
        wasSent: false,
        cause: reason,
        isRetryable: false,
      });
    }
    expect(platform.requests).toHaveLength(0);
  });

  it('ends at once when the signal is aborted during the call', async () => {
    platform.handler = () => ({ write: () => undefined });
    for (const [index, method] of (['GET', 'POST'] as const).entries()) {
      const abort = new AbortController();
      const call = rejection(context.http.request({ method, path: '/v3/x', signal: abort.signal }));
      await platform.arrived(index + 1);
      abort.abort();
      await expect(call).resolves.toMatchObject(
        method === 'GET'
          ? { code: 'ABORTED', wasSent: true }
          : { code: 'RESULT_UNKNOWN', cause: { code: 'ABORTED' } },
      );
    }
  });

  it('lets go of the signal when the call is over', async () => {
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    await context.http.get('/v3/x', { signal });
    expect(removed).toHaveBeenCalledWith('abort', expect.any(Function));
  });

  it('says that nothing was sent when the connection is refused, for writes too', async () => {
    context = connect({ baseUrl: await closedPort() });
    await expect(rejection(context.http.post('/v3/x', {}))).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      code: 'CONNECTION_FAILED',
      wasSent: false,
      isResultUnknown: false,
      isRetryable: true,
    });
  });

  it('uses the backup host when the connection is refused, signed anew', async () => {
    context = connect({ baseUrl: await closedPort(), backupUrl: platform.url });
    const { data } = await context.http.post('/v3/x', { a: 1 });
    expect(data).toEqual({ ok: true });
    expect(platform.requests).toHaveLength(1);
    expect(platform.requests[0]?.headers.authorization).toMatch(/^WECHATPAY2-SHA256-RSA2048 /);
  });

  it('never uses the backup host once something may have been sent', async () => {
    const backup = await RawPlatform.start(() => ({ body: '{}', signer }));
    context = connect({ backupUrl: backup.url });
    for (const write of [
      () => ({ write: (response: { destroy(): unknown }) => void response.destroy() }),
      () => ({ status: 502 }),
      () => ({ body: '{}' }),
    ]) {
      platform.handler = write;
      await rejection(context.http.post('/v3/x', {}));
      await rejection(context.http.get('/v3/x'));
    }
    expect(backup.requests).toHaveLength(0);
    await backup.close();
  });

  it('never follows a redirect, so that no credentials leave the platform', async () => {
    const elsewhere = await RawPlatform.start(() => ({ body: '{}', signer }));
    for (const status of [301, 302, 303, 307, 308]) {
      platform.handler = () => ({ status, headers: { Location: `${elsewhere.url}/v3/x` }, signer });
      for (const method of ['GET', 'POST'] as const) {
        const error = await rejection(context.http.request({ method, path: '/v3/x' }));
        expect(error).toMatchObject({ name: 'WechatPayApiError', status });
      }
    }
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it('refuses work once the application is closed', async () => {
    await context.end();
    await context.end();
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CLOSED',
      wasSent: false,
    });
    await expect(
      rejection(context.http.stream('/v3/billdownload/file?token=t')),
    ).resolves.toMatchObject({ code: 'CLOSED' });
    expect(platform.requests).toHaveLength(0);
  });

  it('ends what hangs when the application closes', async () => {
    platform.handler = () => ({ write: () => undefined });
    const call = rejection(context.http.post('/v3/x', {}));
    await platform.arrived(1);
    await context.end();
    await expect(call).resolves.toMatchObject({ code: 'RESULT_UNKNOWN' });
  });
});
