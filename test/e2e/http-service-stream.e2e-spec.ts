import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, RawPlatform } from '../support/raw-platform.js';

const FILE = '/v3/billdownload/file?token=abc%3D';

describe('downloads', () => {
  let platform: RawPlatform;
  let context: TestContext;

  beforeEach(async () => {
    platform = await RawPlatform.start(() => ({ body: 'a,b,c' }));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });
  afterEach(async () => {
    await platform.close();
    await context.end();
  });

  it.each([
    FILE,
    '/v3/transferdownload/signfile?x=1',
    '/v3/transferdownload/elecvoucherfile?x=1',
    '/v3/new-tax-control-fapiao/download?x=1',
    '/v3/merchant-service/images/abc',
    '/v3/global/merchant-service/images/abc',
  ])('takes %s unsigned, and signs the request', async (path) => {
    for (const place of [path, platform.url + path]) {
      const { status, requestId, body } = await context.http.stream(place);
      expect({ status, requestId }).toEqual({ status: 200, requestId: '08F0A1B2C3-0' });
      expect((await buffer(body)).toString()).toBe('a,b,c');
      expect(platform.requests.at(-1)).toMatchObject({ method: 'GET', target: path });
      const { headers } = platform.requests.at(-1) ?? {};
      expect(headers?.authorization).toMatch(/^WECHATPAY2-/);
      // the platform counts which key every request asks for
      const { id } = publicKeyOption('platform');
      expect(headers?.['wechatpay-serial']).toBe(id);
      expect(context.certificates.usage).toMatchObject({ sent: { [id]: expect.any(Number) } });
    }
  });

  it.each([
    ['a download', () => context.http.stream(FILE)],
    [
      'the download of certificates',
      () => {
        context = merchantContext(testOptions({ baseUrl: platform.url }));
        return context.certificates.refresh();
      },
    ],
  ])('show how far the clock is off when %s is refused', async (_, call) => {
    const longAgo = 'Sat, 01 Jan 2000 00:00:00 GMT';
    platform.handler = () => ({ status: 401, headers: { Date: longAgo }, body: '{}' });
    const first = context;
    await rejection(call());
    expect(context.http.clockSkewMs).toBeGreaterThan(365 * 86_400_000);
    if (first !== context) await first.end();
  });

  it.each([
    '/v3/certificates',
    '/v3/billdownload/file/x',
    '/v3/billdownload/file%2F',
    '/v3/BillDownload/file',
    '/v3/billdownload/files',
    '/x/v3/billdownload/file',
    '/v3/pay/transactions/id/1?x=/v3/billdownload/file',
    '/v3/merchant-service/images/upload',
    '/v3/merchant-service/images/',
    '/v3/merchant-service/images/a/b',
    '/v3/pay/../billdownload/file',
    '//evil.example/v3/billdownload/file',
    '/v3/billdownload/file#x',
  ])('takes nothing else unsigned: %s', async (path) => {
    await expect(rejection(context.http.stream(path))).resolves.toMatchObject({
      name: 'WechatPayRequestError',
      code: 'REQUEST_INVALID',
    });
    expect(platform.requests).toHaveLength(0);
  });

  it.each([
    'https://evil.example/v3/billdownload/file',
    'https://api.mch.weixin.qq.com.evil.example/v3/billdownload/file',
    'https://api.mch.weixin.qq.com@evil.example/v3/billdownload/file',
    'https://user:secret@api.mch.weixin.qq.com/v3/billdownload/file',
    'https://evil-api.mch.weixin.qq.com/v3/billdownload/file',
    'https://api.mch.weixin.qq.com:8443/v3/billdownload/file',
    'http://api.mch.weixin.qq.com/v3/billdownload/file',
    'https://api.mch.weіxin.qq.com/v3/billdownload/file',
    'https:\\\\evil.example\\v3\\billdownload\\file',
    'http://127.0.0.1:9/v3/billdownload/file',
    'http://localhost:9/v3/billdownload/file',
    'file:///v3/billdownload/file',
    'data:text/plain,x',
    'javascript:alert(1)',
    'v3/billdownload/file',
    '',
  ])('sends no credentials to %s', async (url) => {
    const error = await rejection(context.http.stream(url));
    expect(error).toMatchObject({ name: 'WechatPayRequestError', code: 'HOST_NOT_ALLOWED' });
    expect(error.message).not.toContain('secret');
    expect(platform.requests).toHaveLength(0);
  });

  it('never follows a redirect', async () => {
    const elsewhere = await RawPlatform.start(() => ({ body: 'x' }));
    platform.handler = () => ({ status: 302, headers: { Location: `${elsewhere.url}${FILE}` } });
    await expect(rejection(context.http.stream(FILE))).resolves.toMatchObject({ status: 302 });
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it('turns another status into the platform’s error', async () => {
    platform.handler = () => ({
      status: 400,
      body: '{"code":"NO_STATEMENT_EXIST","message":"账单不存在"}',
    });
    await expect(rejection(context.http.stream(FILE))).resolves.toMatchObject({
      name: 'WechatPayApiError',
      status: 400,
      platformCode: 'NO_STATEMENT_EXIST',
      requestId: '08F0A1B2C3-0',
    });
  });

  it('reads no more of an error than it can use', async () => {
    platform.handler = () => ({ status: 500, body: Buffer.alloc(10 * 1024 * 1024, 0x61) });
    await expect(rejection(context.http.stream(FILE))).resolves.toMatchObject({ status: 500 });
  });

  it('does not wait for an error that trickles in', async () => {
    platform.handler = () => ({
      write: (response) => {
        response.writeHead(503).flushHeaders();
        const more = (): void => {
          if (!response.destroyed) response.write(' ', () => setImmediate(more));
        };
        more();
      },
    });
    const error = await rejection(context.http.stream(FILE, { headersTimeoutMs: 500 }));
    expect(error).toMatchObject({ name: expect.stringMatching(/Api|Transport/) });
  });

  it('gives up when the headers do not come', async () => {
    platform.handler = () => ({ write: () => undefined });
    const error = await rejection(context.http.stream(FILE, { headersTimeoutMs: 50 }));
    expect(error).toMatchObject({ name: 'WechatPayTransportError', code: 'TIMEOUT' });
  });

  it('gives up waiting for a free connection', async () => {
    await context.end();
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        http: { maxConcurrency: 1 },
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
    platform.handler = () => ({ write: () => undefined });
    const abort = new AbortController();
    const first = rejection(context.http.stream(FILE, { signal: abort.signal }));
    await platform.arrived(1);
    await expect(
      rejection(context.http.stream(FILE, { headersTimeoutMs: 50 })),
    ).resolves.toMatchObject({ code: 'TIMEOUT' });
    abort.abort();
    await expect(first).resolves.toMatchObject({ code: 'ABORTED' });
  });

  it('ends a body that pauses for too long, in terms of ours', async () => {
    platform.handler = () => ({
      write: (response) => void response.writeHead(200).write('a'),
    });
    const { body } = await context.http.stream(FILE, { idleTimeoutMs: 100 });
    await expect(rejection(buffer(body))).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      code: 'TIMEOUT',
    });
  });

  it('lets a body take longer than the headers may', async () => {
    let finish: (() => void) | undefined;
    platform.handler = () => ({
      write: (response) => {
        response.writeHead(200).write('a');
        finish = () => response.end('b');
      },
    });
    const { body } = await context.http.stream(FILE, { headersTimeoutMs: 1_000 });
    await once(body, 'readable');
    finish?.();
    expect((await buffer(body)).toString()).toBe('ab');
  });

  it('says so when the body is cut off', async () => {
    platform.handler = () => ({
      write: (response) => {
        response.writeHead(200, { 'Content-Length': 10 });
        response.write('a', () => response.destroy());
      },
    });
    const { body } = await context.http.stream(FILE);
    await expect(rejection(buffer(body))).resolves.toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  it('ends the body when its signal is aborted, whatever the reason is', async () => {
    platform.handler = () => ({ write: (response) => void response.writeHead(200).write('a') });
    const abort = new AbortController();
    const { body } = await context.http.stream(FILE, { signal: abort.signal });
    const broken = rejection(buffer(body));
    abort.abort(new RangeError('enough'));
    await expect(broken).resolves.toMatchObject({ code: 'ABORTED', cause: { name: 'RangeError' } });
    const early = rejection(context.http.stream(FILE, { signal: abort.signal }));
    await expect(early).resolves.toMatchObject({ code: 'ABORTED' });
  });

  it('lets go of the connection when the body is not wanted', async () => {
    let gone: Promise<unknown> | undefined;
    platform.handler = () => ({
      write: (response) => {
        gone = once(response, 'close');
        response.writeHead(200).write('a');
      },
    });
    const { body } = await context.http.stream(FILE);
    body.destroy();
    await gone;
  });

  it.each(['headersTimeoutMs', 'idleTimeoutMs'])('refuses %s out of range', async (name) => {
    for (const value of [0, -1, 600_001, Number.NaN]) {
      await expect(rejection(context.http.stream(FILE, { [name]: value }))).resolves.toMatchObject({
        code: 'REQUEST_INVALID',
      });
    }
    expect(platform.requests).toHaveLength(0);
  });
});
