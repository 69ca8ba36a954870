import { afterEach, describe, expect, it } from '@jest/globals';
import type { HttpMethod } from 'nestjs-wechatpay';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, RawPlatform } from '../support/raw-platform.js';

/** What undici hands to a dispatcher: handlers of both its generations. */
interface Handler {
  onRequestStart?(controller: object, context: object): void;
  onResponseError?(controller: object, error: Error): void;
  onError?(error: Error): void;
}

/** A dispatcher that fails every request, before it begins or after. */
const failing = (code: string, isBegun = false) => ({
  dispatch: (_: never, handler: Handler): boolean => {
    const controller = { abort: () => undefined };
    const error = Object.assign(new Error('it failed'), { code });
    if (isBegun) handler.onRequestStart?.(controller, {});
    if (handler.onResponseError) handler.onResponseError(controller, error);
    else handler.onError?.(error);
    return true;
  },
});

describe('what the HTTP client reports', () => {
  let context: TestContext | undefined;

  const connect = (dispatcher?: object, baseUrl = 'https://localhost:1'): TestContext => {
    context = merchantContext(
      testOptions({
        baseUrl,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { dispatcher: dispatcher as { dispatch(): boolean } | undefined },
      }),
    );
    return context;
  };
  afterEach(() => context?.end());

  const bad = {
    name: 'WechatPayRequestError',
    code: 'REQUEST_INVALID',
    isRetryable: false,
    isResultUnknown: false,
  };

  it('is an error of the call when undici refuses what it was given', async () => {
    const platform = await RawPlatform.start();
    const { http } = connect(undefined, platform.url);
    for (const method of ['POST IT', 'GET\r\nX: y']) {
      const call = http.request({ method: method as HttpMethod, path: '/v3/x' });
      await expect(rejection(call)).resolves.toMatchObject({
        ...bad,
        message: expect.stringMatching(/UND_ERR_INVALID_ARG.*nothing was sent: check path/),
      });
    }
    expect(platform.requests).toHaveLength(0);
    await platform.close();
  });

  it.each([
    'UND_ERR_INVALID_ARG',
    'UND_ERR_NOT_SUPPORTED',
    'ERR_INVALID_CHAR',
    'ERR_HTTP_INVALID_HEADER_VALUE',
    'ERR_INVALID_HTTP_TOKEN',
    'ERR_UNESCAPED_CHARACTERS',
  ])('is an error of the call: %s', async (code) => {
    const { http } = connect(failing(code));
    for (const call of [
      http.get('/v3/x'),
      http.post('/v3/x', {}),
      http.stream('/v3/billdownload/file?token=t'),
    ].map(rejection)) {
      await expect(call).resolves.toMatchObject(bad);
    }
  });

  it('never counts as not sent when the request had begun', async () => {
    const { http } = connect(failing('UND_ERR_INVALID_ARG', true));
    await expect(rejection(http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
      cause: { code: 'CONNECTION_FAILED', wasSent: true },
    });
  });

  it('is not tried on the backup host when the call cannot be sent at all', async () => {
    let count = 0;
    const { dispatch } = failing('ERR_INVALID_CHAR');
    context = merchantContext(
      testOptions({
        baseUrl: 'https://localhost:1',
        backupUrl: 'https://localhost:2',
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: {
          dispatcher: {
            dispatch: (options, handler) => {
              count += 1;
              return dispatch(options, handler);
            },
          },
        },
      }),
    );
    await expect(rejection(context.http.get('/v3/x'))).resolves.toMatchObject(bad);
    expect(count).toBe(1);
  });

  it.each([
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  ])('names the merchant certificate when the host ends the handshake: %s', async (code) => {
    const { http } = connect(failing(code, true));
    await expect(rejection(http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
      isRetryable: false,
      message: expect.stringMatching(/ended the TLS handshake .*商户API证书.*clientCertificate/),
    });
    // whether a host read on after its alert is not ours to know
    await expect(rejection(http.post('/v3/x', {}))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
    });
  });

  it('can be repeated when it says nothing of arguments or certificates', async () => {
    for (const code of ['ECONNRESET', 'ENOTFOUND', 'UND_ERR_SOCKET', 'ERR_SSL_DECRYPTION_FAILED']) {
      await expect(rejection(connect(failing(code)).http.get('/v3/x'))).resolves.toMatchObject({
        code: 'CONNECTION_FAILED',
        isRetryable: true,
        message: expect.stringContaining('check DNS, firewall and proxy'),
      });
    }
  });
});
