import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  WechatPayApiError,
  WechatPaySignatureError,
  WechatPayTransportError,
} from '../../../lib/errors/index.js';
import { nextStep, parseRetryAfter } from '../../../lib/transport/resilience/retry-rules.js';

const origin = 'https://api.example';
const refused = new WechatPayTransportError('CONNECTION_FAILED', 'x', {
  origin,
  isRetryable: true,
});
const reset = new WechatPayTransportError('CONNECTION_FAILED', 'x', {
  origin,
  isRetryable: true,
  wasSent: true,
});
const noTls = new WechatPayTransportError('CONNECTION_FAILED', 'x', { origin });
const slow = new WechatPayTransportError('TIMEOUT', 'x', {
  origin,
  isRetryable: true,
  wasSent: true,
});
const ownFault = new WechatPayTransportError('TIMEOUT', 'x', { isRetryable: true });
const aborted = new WechatPayTransportError('ABORTED', 'x', { origin, wasSent: true });
const answered = (status: number, retryAfterMs?: number): WechatPayApiError =>
  new WechatPayApiError({
    method: 'GET',
    target: '/v3/x',
    status,
    body: Buffer.alloc(0),
    requestId: undefined,
    retryAfterMs,
  });
const forged = new WechatPaySignatureError('SIGNATURE_INVALID', 'x');
const probe = new WechatPaySignatureError('SIGNATURE_INVALID', 'x', { isProbe: true });
const unknownKey = new WechatPaySignatureError('SIGNATURE_KEY_UNKNOWN', 'x');

describe('what follows a failed attempt', () => {
  const step = (error: unknown, facts: Partial<Parameters<typeof nextStep>[0]> = {}) =>
    nextStep({
      error,
      attempts: 1,
      retriesLeft: 2,
      isRepeatable: true,
      hasOtherHost: false,
      random: () => 0.5,
      ...facts,
    }).type;

  it.each([
    ['a refused connection', refused, 'repeat'],
    ['a reset connection', reset, 'repeat'],
    ['an attempt that took too long', slow, 'repeat'],
    ['429', answered(429), 'repeat'],
    ['500', answered(500), 'repeat'],
    ['502', answered(502), 'repeat'],
    ['a probe of the platform', probe, 'repeat'],
    ['a signature that does not hold', forged, 'repeat'],
    ['a key that nobody knows', unknownKey, 'give-up'],
    ['400', answered(400), 'give-up'],
    ['401', answered(401), 'give-up'],
    ['404', answered(404), 'give-up'],
    ['a TLS failure', noTls, 'give-up'],
    ['an abort', aborted, 'give-up'],
    ['keys of ours that did not come in time', ownFault, 'give-up'],
    ['a bug', new TypeError('x'), 'give-up'],
  ])('after %s, of what may be repeated: %#', (_, error, expected) => {
    expect(step(error)).toBe(expected);
  });

  it.each([
    ['a refused connection: nothing was sent', refused, 'repeat'],
    ['a reset connection', reset, 'give-up'],
    ['an attempt that took too long', slow, 'give-up'],
    ['429', answered(429), 'give-up'],
    ['500', answered(500), 'give-up'],
    ['a probe of the platform', probe, 'give-up'],
  ])('after %s, of what may not be repeated', (_, error, expected) => {
    expect(step(error, { isRepeatable: false })).toBe(expected);
  });

  it.each([
    ['a refused connection', refused, 'other-host'],
    ['a TLS failure', noTls, 'other-host'],
    ['a reset connection', reset, 'give-up'],
    ['500', answered(500), 'give-up'],
  ])('after %s another host comes at once if nothing was sent', (_, error, expected) => {
    expect(step(error, { isRepeatable: false, hasOtherHost: true, retriesLeft: 0 })).toBe(expected);
  });

  it('is nothing when no repetition is left', () => {
    expect(step(answered(500), { retriesLeft: 0 })).toBe('give-up');
    expect(step(refused, { retriesLeft: 0 })).toBe('give-up');
  });

  it('waits as long as the platform asks for, up to five seconds, and gives up beyond', () => {
    const after = (ms: number) =>
      nextStep({
        error: answered(429, ms),
        attempts: 1,
        retriesLeft: 1,
        isRepeatable: true,
        hasOtherHost: false,
        random: () => 0,
      });
    expect(after(5_000)).toEqual({ type: 'repeat', afterMs: 5_000 });
    expect(after(5_001)).toEqual({ type: 'give-up' });
    expect(after(86_400_000)).toEqual({ type: 'give-up' });
  });

  it('pauses at random, up to twice as long each time, and never more than two seconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, at) => {
          const step = nextStep({
            error: refused,
            attempts,
            retriesLeft: 1,
            isRepeatable: true,
            hasOtherHost: false,
            random: () => at,
          });
          const most = Math.min(2_000, 100 * 2 ** (attempts - 1));
          return step.type === 'repeat' && step.afterMs >= 0 && step.afterMs <= most;
        },
      ),
    );
  });
});

describe('Retry-After', () => {
  const nowMs = Date.parse('2026-11-29T00:00:00Z');
  it.each([
    ['0', 0],
    ['3', 3_000],
    ['31536000', 86_400_000],
    ['9999999999', 86_400_000],
    ['Sun, 29 Nov 2026 00:00:10 GMT', 10_000],
    ['Sun, 29 Nov 2020 00:00:10 GMT', 0],
    ['soon', undefined],
    ['-1', 0],
    ['', undefined],
    [undefined, undefined],
    [['1', '2'], undefined],
  ])('%j is %j milliseconds', (value, expected) => {
    const read = parseRetryAfter(value, nowMs);
    expect(read === undefined ? read : Math.round(read)).toBe(expected);
  });

  it('is never negative, never more than a day, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const ms = parseRetryAfter(value, nowMs);
        return ms === undefined || (ms >= 0 && ms <= 86_400_000);
      }),
    );
  });
});
