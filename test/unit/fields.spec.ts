import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mapFields } from '../../lib/http/fields.js';

const upper = (text: string): string => text.toUpperCase();

describe('fields to encrypt', () => {
  it('are replaced, in lists too, and nothing else is', () => {
    const value = { a: { b: 'x', c: 'y' }, list: [{ n: 'p', m: 'q' }, { m: 'r' }, null], z: 'z' };
    const before = structuredClone(value);
    const mapped = mapFields(value, ['a.b', 'list.[].n', 'nowhere.at.all'], upper);
    expect(mapped).toEqual({
      a: { b: 'X', c: 'y' },
      list: [{ n: 'P', m: 'q' }, { m: 'r' }, null],
      z: 'z',
    });
    expect(value).toEqual(before);
    expect(Object.keys(mapped.list[1] ?? {})).toEqual(['m']);
  });

  it('may be lists of text', () => {
    expect(mapFields({ names: ['a', 'b'] }, ['names.[]'], upper)).toEqual({ names: ['A', 'B'] });
  });

  it.each([5, true, {}, ['a']])('must be text: %j is refused, not sent in the clear', (bad) => {
    expect(() => mapFields({ a: { b: bad } }, ['a.b'], upper)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining('a.b') }),
    );
  });

  it('stay absent when they are, also as null', () => {
    for (const value of [undefined, null, {}, { a: null }, { a: {} }, { a: { b: null } }]) {
      expect(mapFields(value, ['a.b'], upper)).toEqual(value);
    }
    expect(mapFields({ list: [] }, ['list.[].n'], upper)).toEqual({ list: [] });
  });

  it.each([
    ['text', 'a.b'],
    [5, 'a.b'],
    [[{ b: 'x' }], 'a.b'],
    [{ a: 'text' }, 'a.b'],
    [{ a: [{ b: 'x' }] }, 'a.b'],
    [{ list: 'text' }, 'list.[].n'],
    [{ list: { n: 'x' } }, 'list.[].n'],
  ])('in another shape, %j, are refused: they would travel in the clear', (value, path) => {
    expect(() => mapFields(value, [path], upper)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining(path) }),
    );
  });

  it('are never found on a prototype', () => {
    expect(mapFields({ a: {} }, ['a.constructor.name', '__proto__.x'], upper)).toEqual({ a: {} });
  });

  it('are each replaced exactly once', () => {
    const leaf = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.record({ n: leaf }, { requiredKeys: [] })), leaf, (l, b) => {
        let count = 0;
        mapFields({ a: { b }, l }, ['a.b', 'l.[].n'], (text) => ((count += 1), text));
        expect(count).toBe(1 + l.filter((item) => 'n' in item).length);
      }),
    );
  });
});
