import { describe, expect, it } from '@jest/globals';
import { OnDemandGate } from '../../lib/certificates/index.js';

describe('the gate', () => {
  it('lets one in a minute for each merchant, and sixty in all', () => {
    let now = 1_000_000;
    const gate = new OnDemandGate(() => now);
    expect(gate.tryEnter(undefined)).toBe(now);
    expect(gate.tryEnter(now)).toBeUndefined();
    expect(gate.tryEnter(now - 59_999)).toBeUndefined();
    expect(gate.tryEnter(now - 60_000)).toBe(now);
    for (let count = 2; count < 60; count += 1) expect(gate.tryEnter(undefined)).toBe(now);
    expect(gate.tryEnter(undefined)).toBeUndefined();
    now += 59_999;
    expect(gate.tryEnter(undefined)).toBeUndefined();
    now += 1;
    expect(gate.tryEnter(undefined)).toBe(now);
  });

  it('is not held shut for ever by a clock that went back', () => {
    let now = 10_000_000;
    const gate = new OnDemandGate(() => now);
    const last = gate.tryEnter(undefined);
    now -= 3_600_000;
    expect(gate.tryEnter(last)).toBe(now);
  });
});
