import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson, toJson } from '../../lib/http/json.js';

const parse = (text: string | Buffer): unknown => parseJson(Buffer.from(text), 'id-1');

describe('JSON', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__')); // left out, as the next test says
        expect(JSON.stringify(parse(toJson(value)))).toBe(JSON.stringify(value));
      }),
    );
  });

  it('loses own properties named __proto__ at any depth, however they are spelled', () => {
    const spellings = [
      '__proto__',
      '\\u005f_proto__',
      '__pr\\u006Fto__',
      '\\u005F\\u005Fproto\\u005f\\u005f',
      '__prot\\u006f__',
    ];
    for (const name of spellings) {
      const value = parse(`{"a":[{"${name}":{"admin":true},"b":1}],"${name}":1}`) as Record<
        string,
        unknown
      >;
      expect(JSON.stringify(value)).toBe('{"a":[{"b":1}]}');
      expect(Object.getOwnPropertyNames(value)).toEqual(['a']);
      expect(Object.prototype).not.toHaveProperty('admin');
    }
  });

  it('keeps values and near misses of that name', () => {
    expect(parse('{"a":"__proto__","__proto":1,"constructor":2}')).toEqual({
      a: '__proto__',
      __proto: 1,
      constructor: 2,
    });
  });

  it.each([
    '',
    ' ',
    '{',
    '{"a":1',
    'undefined',
    'NaN',
    "{'a':1}",
    '{"a":1}x',
    '\uFEFF{}',
    '<html>',
  ])('is refused when it is %j, without quoting it', (text) => {
    try {
      parse(text);
      throw new Error('was parsed');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'ANSWER_NOT_JSON',
        requestId: 'id-1',
        message: 'The verified content is not JSON',
      });
      expect((error as Error).cause).toBeUndefined();
    }
  });

  it('is refused when it is not UTF-8, rather than read with replacement characters', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(() => parse(Buffer.from(bytes))).toThrow(/not JSON/);
    }
  });

  it('is refused when it is nested too deep to be read, not a crash', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    for (const text of [deep, `{"__proto__":1,"a":${deep}}`]) {
      try {
        parse(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ANSWER_NOT_JSON' });
      }
    }
  });

  it('is nothing for undefined, and refuses what it cannot express', () => {
    expect(toJson(undefined)).toBe('');
    for (const value of [() => 1, Symbol('x'), 1n, { a: 1n }]) {
      expect(() => toJson(value)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    }
  });
});
