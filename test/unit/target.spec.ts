import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildTarget, expandPath } from '../../lib/http/target.js';

const template = '/v3/a/{one}/b/{two}';
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });

describe('a path from a template', () => {
  it('gives every value back after one decoding, as one segment', () => {
    fc.assert(
      fc.property(text, text, (one, two) => {
        fc.pre(!['.', '..'].includes(one) && !['.', '..'].includes(two));
        const path = expandPath(template, { one, two });
        const [, ...segments] = path.split('/');
        expect(segments.map(decodeURIComponent)).toEqual(['v3', 'a', one, 'b', two]);
        expect(path).toMatch(/^[\x21-\x7e]+$/);
        expect(buildTarget(path)).toBe(path);
        expect(new URL(path, 'https://host.example').pathname).toBe(path);
      }),
    );
  });

  it.each([
    [{ one: '1' }, 'two is missing or empty'],
    [{ one: '', two: '1' }, 'one is missing or empty'],
    [{ one: '.', two: '1' }, 'one must not be a dot segment'],
    [{ one: '1', two: '..' }, 'two must not be a dot segment'],
    [{ one: '1', two: '\udc00' }, 'two is not valid Unicode'],
    [{ one: 5, two: '1' }, 'one is missing or empty'],
    [{ one: '1', two: { toString: (): string => '1' } }, 'two is missing or empty'],
  ])('refuses %j', (parameters, problem) => {
    expect(() => expandPath(template, parameters as never)).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining(problem),
      }),
    );
  });

  it('takes no value from a prototype', () => {
    expect(() => expandPath('/v3/{constructor}', {})).toThrow(/constructor is missing/);
    expect(() => expandPath('/v3/{toString}', {})).toThrow(/toString is missing/);
  });

  it('knows nothing of replacement patterns', () => {
    expect(expandPath('/v3/{one}/x', { one: "$&$1$'$`" })).toBe("/v3/%24%26%241%24'%24%60/x");
  });
});

describe('a target', () => {
  it('never changes once it is encoded, and is what a server reads', () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        fc.pre(
          path.startsWith('/') &&
            !path.startsWith('//') &&
            !/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path),
        );
        const target = buildTarget(path);
        expect(buildTarget(target)).toBe(target);
      }),
    );
  });

  it('says every query value back after one decoding', () => {
    const pairs = fc.dictionary(
      text,
      fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text, { maxLength: 3 })),
    );
    fc.assert(
      fc.property(pairs, (query) => {
        const target = buildTarget('/v3/x', query as never);
        const read = target
          .slice('/v3/x'.length + 1)
          .split('&')
          .filter((pair) => pair !== '')
          .map((pair) => pair.split('=').map(decodeURIComponent));
        const expected = Object.entries(query).flatMap(([name, value]) =>
          [value].flat().map((item) => [name, String(item)]),
        );
        expect(read).toEqual(expected);
        expect(target).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });

  it('leaves the question mark out when there is nothing to ask', () => {
    expect(buildTarget('/v3/x', {})).toBe('/v3/x');
    expect(buildTarget('/v3/x', { a: undefined, b: [] })).toBe('/v3/x');
    expect(buildTarget('/v3/x?', { a: '' })).toMatch(/^\/v3\/x\?&?a=$/);
  });

  it('lets dots stand where they are no segment', () => {
    for (const path of ['/v3/a..b', '/v3/...', '/v3/.a', '/v3/x?y=../z', '/v3/%2ea']) {
      expect(buildTarget(path)).toBe(path);
    }
  });

  it('refuses names and values that are not valid Unicode', () => {
    for (const query of [{ a: '\ud800' }, { '\ud800': 'a' }, { a: ['b', '\udfff'] }]) {
      expect(() => buildTarget('/v3/x', query)).toThrow(/not valid Unicode/);
    }
  });
});
