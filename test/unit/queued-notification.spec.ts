import { describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { readQueued, toQueued } from '../../lib/notification/queue.js';
import { ReceivedNotification } from '../../lib/notification/received-notification.js';
import {
  dispatchQueued,
  type QueuedDispatchParts,
} from '../../lib/notification/queued-dispatch.js';

const job = {
  merchant: 'default',
  receivedAtMs: 1_767_225_600_000,
  headers: { 'wechatpay-nonce': 'n', 'wechatpay-signature': 's' },
  body: Buffer.from('{"id":"1"}').toString('base64'),
};

describe('a job of a queue', () => {
  it('is not made of what no platform has signed', () => {
    const found = new ReceivedNotification({ id: 'query-1', payload: {} } as never, undefined);
    expect(() => toQueued(found)).toThrow(TypeError);
  });

  it('is read as it was written', () => {
    expect(readQueued(JSON.parse(JSON.stringify(job)))).toEqual({
      ...job,
      body: Buffer.from('{"id":"1"}'),
    });
  });

  it('holds 2 MiB, and not a byte more', () => {
    const bytes = (length: number) => ({ ...job, body: Buffer.alloc(length).toString('base64') });
    expect(readQueued(bytes(2 * 1024 * 1024)).body).toHaveLength(2 * 1024 * 1024);
    expect(() => readQueued(bytes(2 * 1024 * 1024 + 3))).toThrow('no body');
  });

  it.each([
    ['nothing', undefined, 'no object'],
    ['null', null, 'no object'],
    ['a list', [job], 'no object'],
    ['a text', JSON.stringify(job), 'no object'],
    ['no merchant', { ...job, merchant: undefined }, 'names nobody'],
    ['a long merchant', { ...job, merchant: 'x'.repeat(257) }, 'names nobody'],
    ['no time', { ...job, receivedAtMs: undefined }, 'no time'],
    ['a time that is a text', { ...job, receivedAtMs: '1' }, 'no time'],
    ['a time that is no number', { ...job, receivedAtMs: Number.NaN }, 'no time'],
    ['a time beyond all', { ...job, receivedAtMs: 2 ** 53 }, 'no time'],
    ['no headers', { ...job, headers: undefined }, 'other headers'],
    ['a list of headers', { ...job, headers: ['x'] }, 'other headers'],
    ['a header of its own', { ...job, headers: { cookie: 'x' } }, 'other headers'],
    ['a header twice', { ...job, headers: { 'wechatpay-nonce': ['a', 'b'] } }, 'other headers'],
    ['no body', { ...job, body: undefined }, 'no body'],
    ['a body of bytes', { ...job, body: Buffer.from('x') }, 'no body'],
    ['an empty body', { ...job, body: '' }, 'not Base64'],
    ['a body that is text', { ...job, body: '{"a"}12=' }, 'not Base64'],
    ['a body that is cut off', { ...job, body: 'AAAAA' }, 'not Base64'],
  ])('is refused for %s', (_title, wrong, reason) => {
    expect(() => readQueued(wrong)).toThrow(
      expect.objectContaining({
        code: 'NOTIFICATION_REFUSED',
        isRetryable: false,
        message: expect.stringContaining(reason),
      }),
    );
  });

  it('comes again when too many merchants are looked for just now', async () => {
    const logger = new Logger('test');
    const warn = jest.spyOn(logger, 'warn').mockImplementation(() => undefined);
    const parts = {
      logger,
      receivers: { find: () => undefined, load: () => Promise.resolve(undefined) },
    } as unknown as QueuedDispatchParts;
    const headers = {
      'wechatpay-timestamp': String(job.receivedAtMs / 1000),
      'wechatpay-nonce': 'n',
      'wechatpay-signature': 's',
      'wechatpay-serial': 'ABCDEF',
    };
    await expect(dispatchQueued({ ...job, headers }, parts)).rejects.toMatchObject({
      code: 'NOTIFICATION_FAILED',
      isRetryable: true,
    });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('too many merchants'));
  });
});
