import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasFields, mapFields } from '../../lib/http/fields.js';

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
    expect(hasFields({ names: ['a'] }, ['names.[]'])).toBe(true);
  });

  it.each([5, true, {}, ['a']])('must be text: %j is refused, not sent in the clear', (bad) => {
    expect(() => mapFields({ a: { b: bad } }, ['a.b'], upper)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining('a.b') }),
    );
  });

  it('stay absent when they are, also as null', () => {
    for (const value of [
      undefined,
      null,
      'text',
      5,
      [],
      {},
      { a: null },
      { a: 'text' },
      { a: {} },
      { a: { b: null } },
      { a: [{ b: 'x' }] },
    ]) {
      expect(mapFields(value, ['a.b'], upper)).toEqual(value);
      expect(hasFields(value, ['a.b'])).toBe(false);
    }
    expect(mapFields({ list: 'text' }, ['list.[].n'], upper)).toEqual({ list: 'text' });
    expect(hasFields({ list: 'text' }, ['list.[].n'])).toBe(false);
    expect(hasFields({ list: [] }, ['list.[].n'])).toBe(false);
  });

  it('are never found on a prototype', () => {
    const inherited = Object.create({ a: { b: 'x' } }) as object;
    expect(hasFields(inherited, ['a.b'])).toBe(false);
    expect(mapFields({ a: {} }, ['a.constructor.name', '__proto__.x'], upper)).toEqual({ a: {} });
  });

  it('are found whenever they are replaced', () => {
    const leaf = fc.string({ minLength: 1 });
    const tree = fc.record(
      {
        a: fc.record({ b: leaf }, { requiredKeys: [] }),
        l: fc.array(fc.record({ n: leaf }, { requiredKeys: [] })),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(tree, (value) => {
        let count = 0;
        mapFields(value, ['a.b', 'l.[].n'], (text) => ((count += 1), text));
        expect(hasFields(value, ['a.b', 'l.[].n'])).toBe(count > 0);
      }),
    );
  });
});
