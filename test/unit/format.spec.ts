import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rfc3339, yuan } from 'nestjs-wechatpay';

describe('times for the platform', () => {
  it('are China Standard Time in whole seconds', () => {
    expect(rfc3339(new Date('2026-01-31T00:00:00.999Z'))).toBe('2026-01-31T08:00:00+08:00');
    expect(rfc3339(new Date('2026-12-31T16:00:00Z'))).toBe('2027-01-01T00:00:00+08:00');
  });

  it('mean the same moment, wherever the machine stands', () => {
    const dates = fc.date({
      min: new Date('1970-01-02'),
      max: new Date('9999-12-30'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        expect(Date.parse(rfc3339(date))).toBe(Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
  });

  it('refuse a date that is none', () => {
    expect(() => rfc3339(new Date('never'))).toThrow(RangeError);
  });
});

describe('fen for people', () => {
  it.each([
    [0, '0.00'],
    [1, '0.01'],
    [10, '0.10'],
    [100, '1.00'],
    [123456, '1234.56'],
    [-5, '-0.05'],
    [-100, '-1.00'],
    [-0, '0.00'],
    [Number.MAX_SAFE_INTEGER, '90071992547409.91'],
  ])('%d is %s', (fen, text) => {
    expect(yuan(fen)).toBe(text);
  });

  it('count back to the same number', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (fen) => BigInt(yuan(fen).replace('.', '')) === BigInt(fen)),
    );
  });

  it.each([0.1, Number.NaN, Infinity, 2 ** 53, '5', undefined])('refuse %p', (fen) => {
    expect(() => yuan(fen as number)).toThrow(RangeError);
  });
});
