import { describe, expect, it } from '@jest/globals';
import { KeyDecisions } from '../../lib/certificates/index.js';

describe('decisions about keys', () => {
  it('are those of one merchant', () => {
    const decisions = new KeyDecisions();
    decisions.distrust('a', '0A');
    decisions.setPublicKeyShare('a', 20, 100);
    expect([...decisions.distrusted('a')]).toEqual(['0A']);
    expect([...decisions.distrusted('b')]).toEqual([]);
    expect([decisions.publicKeyShare('a', 100), decisions.publicKeyShare('b', 100)]).toEqual([
      20, 100,
    ]);
  });

  it('about a share hold as long as the options say what they said then', () => {
    const decisions = new KeyDecisions();
    decisions.distrust('a', '0A');
    decisions.setPublicKeyShare('a', 20, 100);
    expect(decisions.publicKeyShare('a', 50)).toBe(50);
    expect(decisions.publicKeyShare('a', 100)).toBe(100); // changed twice is changed
    expect([...decisions.distrusted('a')]).toEqual(['0A']);
  });

  it('are kept for 10,000 merchants, those of the last decisions', () => {
    const decisions = new KeyDecisions();
    decisions.distrust('first', '0A');
    decisions.distrust('second', '0A');
    for (let index = 0; index < 9_998; index += 1) decisions.distrust(`m${index}`, '0A');
    decisions.setPublicKeyShare('first', 1, 100); // decided again
    decisions.distrust('last', '0A');
    const sizes = ['first', 'second', 'm0', 'last'].map((m) => decisions.distrusted(m).size);
    expect(sizes).toEqual([1, 0, 1, 1]);
  });

  it('are about 64 serial numbers of a merchant, the last ones', () => {
    const decisions = new KeyDecisions();
    for (let index = 0; index < 64; index += 1) decisions.distrust('a', `S${index}`);
    decisions.distrust('a', 'S0');
    decisions.distrust('a', 'new');
    const kept = decisions.distrusted('a');
    expect([kept.size, kept.has('S0'), kept.has('S1'), kept.has('new')]).toEqual([
      64,
      true,
      false,
      true,
    ]);
  });
});
