import { describe, expect, it } from '@jest/globals';
import { WechatPayCertificateError, WechatPayDecryptionError } from '../../lib/errors/index.js';
import { dispatchQueued } from '../../lib/notification/queued-dispatch.js';
import { publicKeySigner, signatureHeaders } from '../support/raw-platform.js';
import { rejection } from '../support/merchant-context.js';

const NOW = Date.parse('2026-11-29T00:00:00Z');
const body = Buffer.from('{}');
const headers = Object.fromEntries(
  Object.entries(signatureHeaders(publicKeySigner('platform'), body, NOW)).map(([name, value]) => [
    name.toLowerCase(),
    value,
  ]),
);
const job = {
  merchant: 'shop',
  receivedAtMs: NOW,
  headers,
  body: body.toString('base64'),
};

describe('a queued notification that cannot be received again', () => {
  const lines: string[] = [];
  const logger = {
    error: (line: string) => lines.push(`error ${line}`),
    warn: (line: string) => lines.push(`warn ${line}`),
  };
  const dispatch = (
    queued: unknown,
    lastError?: Error,
    inForce: () => undefined = () => undefined,
  ): Promise<void> =>
    dispatchQueued(queued, {
      logger,
      dispatcher: {},
      receivers: {
        find: () => ({
          name: 'shop',
          certificates: {
            keyRing: { find: inForce },
            find: () => Promise.resolve(undefined),
            status: { lastError },
          },
        }),
      },
    } as never);

  it('is tried again, and said to somebody, when no list of certificates opens', async () => {
    const error = await rejection(dispatch(job, new WechatPayDecryptionError('the APIv3 key')));
    expect(error).toMatchObject({ isRetryable: true });
    expect(lines.splice(0)).toEqual([
      expect.stringMatching(/^error \[shop\] the APIv3 key; the queue tries again/),
    ]);
  });

  it('is tried again when our own keys cannot be had', async () => {
    const unavailable = (): never => {
      throw new WechatPayCertificateError('CREDENTIAL_UNAVAILABLE', 'no keys');
    };
    await expect(rejection(dispatch(job, undefined, unavailable))).resolves.toMatchObject({
      isRetryable: true,
    });
    expect(lines.splice(0)).toEqual(['warn [shop] no keys; the queue tries again']);
  });

  it('is refused for good when it is none', async () => {
    await expect(rejection(dispatch({ merchant: 7 }))).resolves.toMatchObject({
      code: 'NOTIFICATION_REFUSED',
      isRetryable: false,
    });
    expect(lines.splice(0)).toEqual([expect.stringContaining('refused for good')]);
  });
});
