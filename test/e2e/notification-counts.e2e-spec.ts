import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import {
  MemoryNotificationInbox,
  WechatPayHealthIndicator,
  WechatPayMerchants,
  WechatPayModule,
  type NotificationCounts,
} from 'nestjs-wechatpay';
import { WechatPayEmulator, type EmulatorNotificationOverrides } from 'nestjs-wechatpay-emulator';
import { NotifyApp } from '../support/notify-app.js';
import { paidNotification } from '../support/notifications.js';

const PATH = '/wechatpay/notify';
const PROBE = `WECHATPAY/SIGNTEST/${'A'.repeat(325)}`;

/** What an operator sees of the notifications that came in. */
describe('the counts of a notification route', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });
  afterAll(() => emulator.close());

  beforeEach(async () => {
    const inbox = new MemoryNotificationInbox();
    @Module({
      imports: [
        WechatPayModule.forRoot({ ...emulator.options(), inbox, notification: { path: PATH } }),
      ],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform: 'fastify', rawBody: 'rawBody' });
  });
  afterEach(() => app.close());

  const counts = (): NotificationCounts | undefined =>
    app.app.get(WechatPayMerchants, { strict: false }).find('default')?.notifications.counts;
  const post = async (overrides: EmulatorNotificationOverrides = {}): Promise<number> =>
    (await app.post(paidNotification(emulator, overrides))).status;
  const secondsAgo = (seconds: number) => ({ timestamp: Math.floor(Date.now() / 1000) - seconds });

  it('begin with nothing', () => {
    expect(counts()).toEqual({ accepted: 0, probes: 0, refused: {}, clockSkewMs: undefined });
  });

  it('keep deliberate probes of the platform apart from other bad signatures', async () => {
    expect(await post()).toBe(204);
    expect(await post({ signature: PROBE })).toBe(401);
    expect(await post({ signature: PROBE })).toBe(401);
    // some come with the serial number of an old certificate
    expect(await post({ signature: PROBE, serial: 'ABCDEF0123456789' })).toBe(401);
    expect(await post({ signature: 'A'.repeat(344) })).toBe(401);
    expect(counts()).toMatchObject({
      accepted: 1,
      probes: 3,
      refused: { SIGNATURE_INVALID: 1 },
    });
  });

  it('name the reason of what was refused', async () => {
    await post({ ...secondsAgo(400) });
    await post({ ...secondsAgo(400) });
    await post({ serial: 'PUB_KEY_ID_0119999999999999999999999999999999' });
    await post({ headers: { 'wechatpay-nonce': undefined } as never });
    expect(counts()).toMatchObject({
      accepted: 0,
      refused: { SIGNATURE_EXPIRED: 2, SIGNATURE_KEY_UNKNOWN: 1, SIGNATURE_MISSING: 1 },
    });
  });

  it.each([
    [-200, 'behind'],
    [200, 'ahead of'],
  ])('tell that the clock is %i s off, %s the platform', async (seconds) => {
    await post(secondsAgo(seconds));
    const { clockSkewMs = NaN } = counts() ?? {};
    expect(Math.abs(clockSkewMs - seconds * 1000)).toBeLessThan(2000);
    const health = app.app.get(WechatPayHealthIndicator, { strict: false }).check('pay');
    expect(JSON.stringify(health)).toContain('differs from the platform by more than a minute');
  });

  it('take a late delivery for no wrong clock', async () => {
    await post(secondsAgo(200));
    await post();
    await post(secondsAgo(200));
    expect(Math.abs(counts()?.clockSkewMs ?? NaN)).toBeLessThan(2000);
  });

  it('warn of a wrong time once an hour, however many come', async () => {
    const warnings = () => app.logger.textOf('warn').match(/refused for its time/g)?.length;
    for (let sent = 0; sent < 5; sent += 1) await post(secondsAgo(1000 + sent));
    expect(warnings()).toBe(1);
    expect(app.logger.textOf('warn')).toMatch(/Signed -100\d s away .* clock .*NTP/);
  });

  it('are in the details of the health check, and not in its summary', async () => {
    await post();
    await post({ signature: PROBE });
    const indicator = app.app.get(WechatPayHealthIndicator, { strict: false });
    const details = JSON.stringify(indicator.check('pay', { details: true }));
    expect(details).toContain('"notifications":{"accepted":1,"probes":1,"refused":{}}');
    expect(JSON.stringify(indicator.check('pay'))).not.toContain('probes');
  });
});
