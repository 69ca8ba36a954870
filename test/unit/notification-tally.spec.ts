import { describe, expect, it } from '@jest/globals';
import { WechatPaySignatureError } from '../../lib/errors/index.js';
import { NotificationTally } from '../../lib/notification/index.js';

const NOW = 1_800_000_000_000;
const expired = new WechatPaySignatureError('SIGNATURE_EXPIRED', 'too old');

describe('the tally of notifications', () => {
  it('measures the clock by the nearest of the last sixteen', () => {
    const tally = new NotificationTally();
    tally.countAccepted(NOW / 1000, NOW + 700);
    expect(tally.clockSkewMs).toBe(200);
    for (let late = 0; late < 15; late += 1) tally.countAccepted(NOW / 1000, NOW + 90_500);
    expect(tally.clockSkewMs).toBe(200);
    tally.countAccepted(NOW / 1000, NOW + 90_500);
    expect(tally.clockSkewMs).toBe(90_000);
    tally.countAccepted(NOW / 1000, NOW - 59_500);
    expect(tally.counts).toMatchObject({ accepted: 18, clockSkewMs: -60_000 });
  });

  it('says that it is time to tell of wrong times once an hour', () => {
    const tally = new NotificationTally();
    expect(tally.countRefused(expired, NOW)).toBe(true);
    expect(tally.countRefused(expired, NOW + 3_599_999)).toBe(false);
    expect(tally.countRefused(expired, NOW + 3_600_000)).toBe(true);
    expect(tally.counts.refused).toEqual({ SIGNATURE_EXPIRED: 3 });
  });

  it('does not take another failure for a wrong time', () => {
    const tally = new NotificationTally();
    const invalid = new WechatPaySignatureError('SIGNATURE_INVALID', 'no');
    expect(tally.countRefused(invalid, NOW)).toBe(false);
    expect(tally.countRefused(new TypeError('a defect'), NOW)).toBe(false);
    expect(tally.countRefused(expired, NOW)).toBe(true);
    expect(tally.counts.refused).toEqual({
      SIGNATURE_INVALID: 1,
      UNKNOWN: 1,
      SIGNATURE_EXPIRED: 1,
    });
  });
});
