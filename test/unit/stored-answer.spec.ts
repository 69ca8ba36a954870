import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeAnswer,
  encodeAnswer,
  MAX_STORED_BYTES,
  storedSeconds,
} from '../../lib/certificates/index.js';
import { WechatPayStoreError } from '../../lib/errors/index.js';

const headers = fc.record({
  'wechatpay-timestamp': fc.stringMatching(/^[0-9]{1,12}$/),
  'wechatpay-nonce': fc.stringMatching(/^[!-~]{1,40}$/),
  'wechatpay-signature': fc.base64String({ minLength: 4, maxLength: 400 }),
  'wechatpay-serial': fc.stringMatching(/^[0-9A-F]{1,40}$/),
});

describe('a stored answer', () => {
  it('comes back as it was, whatever its bytes', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 2_000 }), (kept, bytes) => {
        const text = encodeAnswer({ headers: { ...kept, other: 'x' }, body: Buffer.from(bytes) });
        for (const stored of [text, Buffer.from(text), new Uint8Array(Buffer.from(text))]) {
          const answer = decodeAnswer(stored);
          expect(answer.headers).toEqual(kept);
          expect(answer.body.equals(bytes)).toBe(true);
        }
      }),
    );
  });

  it('is refused with one kind of error when it is anything else, and quoted in none', () => {
    const hostile = fc.oneof(
      fc.anything(),
      fc.string(),
      fc.uint8Array(),
      fc.json(),
      fc.json().map((json) => `{"format":1,"headers":${json},"body":"e30="}`),
      fc.json().map((json) => `{"format":1,"headers":{},"body":${json}}`),
      fc.json().map((json) => `{"format":${json},"headers":{},"body":"e30="}`),
    );
    fc.assert(
      fc.property(hostile, (stored) => {
        try {
          const { headers: kept, body } = decodeAnswer(stored);
          expect(Object.values(kept).every((value) => typeof value === 'string')).toBe(true);
          expect(Buffer.isBuffer(body)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(WechatPayStoreError);
          expect((error as Error).cause).toBeUndefined();
        }
        expect(storedSeconds(stored)).toBeGreaterThanOrEqual(-1);
      }),
      { numRuns: 500 },
    );
  });

  it('stays intact or is refused when one byte of it flips', () => {
    const answer = {
      headers: { 'wechatpay-timestamp': '1700000000', 'wechatpay-nonce': 'n' },
      body: Buffer.from('{"data":[]}'),
    };
    const text = encodeAnswer(answer);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bytes = Buffer.from(text);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        try {
          decodeAnswer(bytes); // what it holds proves itself by its signature
        } catch (error) {
          expect(error).toBeInstanceOf(WechatPayStoreError);
        }
      }),
    );
  });

  it('changes no prototype', () => {
    const text = '{"format":1,"headers":{"__proto__":{"polluted":"x"}},"body":"e30="}';
    expect(() => decodeAnswer(text)).toThrow(WechatPayStoreError);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('may be as long as the bound and no longer', () => {
    const empty = encodeAnswer({ headers: {}, body: Buffer.alloc(0) }).length;
    const fits = Math.floor((MAX_STORED_BYTES - empty) / 4) * 3;
    const text = encodeAnswer({ headers: {}, body: Buffer.alloc(fits) });
    expect(decodeAnswer(text).body).toHaveLength(fits);
    expect(() => encodeAnswer({ headers: {}, body: Buffer.alloc(fits + 3) })).toThrow('256 KiB');
    expect(() => decodeAnswer(`${text}${' '.repeat(8)}`)).toThrow('256 KiB');
    expect(() => decodeAnswer(Buffer.alloc(10_000_000, '{'))).toThrow('256 KiB');
  });

  it('counts as -1 when there is none or it is damaged, and as 0 when it is from the future', () => {
    const at = (seconds: number): string =>
      encodeAnswer({
        headers: { 'wechatpay-timestamp': String(seconds) },
        body: Buffer.from('{}'),
      });
    expect(storedSeconds(undefined)).toBe(-1);
    expect(storedSeconds('{')).toBe(-1);
    expect(storedSeconds(at(1_000), 1_000_000)).toBe(1_000);
    expect(storedSeconds(at(1_300), 1_000_000)).toBe(1_300);
    expect(storedSeconds(at(1_301), 1_000_000)).toBe(0);
  });
});
