import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { WechatPayEmulator, type EmulatorNotificationRecord } from 'nestjs-wechatpay-emulator';
import {
  isSignedBy,
  Merchant,
  startNotifyServer,
  type NotifyAnswer,
  type NotifyServer,
  type Received,
} from './support/merchant.js';

describe('Notifications', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let shop: NotifyServer;
  let answer: (index: number) => NotifyAnswer;

  beforeEach(async () => {
    answer = () => ({ status: 204 });
    shop = await startNotifyServer((index) => answer(index));
  });

  afterEach(async () => {
    jest.useRealTimers();
    await emulator.close();
    await shop.close();
  });

  async function pay(options: object, url = shop.url): Promise<void> {
    emulator = await WechatPayEmulator.start(options);
    merchant = new Merchant(emulator);
    await order('NOTIFY-001', url);
  }

  async function order(outTradeNo: string, url = shop.url): Promise<void> {
    await merchant.native(outTradeNo, { notify_url: url });
    emulator.pay(outTradeNo);
  }

  async function until(
    done: (record: EmulatorNotificationRecord) => boolean,
  ): Promise<EmulatorNotificationRecord> {
    for (;;) {
      const record = emulator.notifications().at(-1);
      if (record !== undefined && done(record)) return record;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  const verifies = ({ headers, body }: Received) =>
    isSignedBy(emulator.platformCertificate.certificate, headers, body);

  it('go out once and fifteen times more while they are refused, then are given up', async () => {
    answer = () => ({ status: 500, body: '{"code":"FAIL"}' });
    await pay({ scale: 0.000001 });
    const record = await until(({ state }) => state === 'given-up');
    expect(record.attempts).toHaveLength(16);
    expect(record.attempts[15]).toMatchObject({
      number: 16,
      status: 500,
      answer: '{"code":"FAIL"}',
    });
    expect(shop.received).toHaveLength(16);
    expect(shop.received.every(verifies)).toBe(true);
    const distinct = (name: string) =>
      new Set(shop.received.map(({ headers }) => headers[name])).size;
    expect(distinct('wechatpay-nonce')).toBe(16);
    expect(distinct('wechatpay-signature')).toBe(16);
    const ids = new Set(shop.received.map(({ body }) => JSON.parse(body.toString('utf8')).id));
    expect([...ids]).toEqual([record.id]);
  });

  it('come again on the schedule of the platform', async () => {
    answer = () => ({ status: 500 });
    await pay({});
    let record = await until(
      ({ attempts, nextAttemptAt }) => attempts.length === 1 && nextAttemptAt !== undefined,
    );
    const pauses: number[] = [];
    for (let sent = 1; sent < 16; sent += 1) {
      const pause =
        Date.parse(record.nextAttemptAt ?? '') -
        Date.parse(record.attempts[sent - 1]?.sentAt ?? '');
      pauses.push(pause / 1000);
      emulator.setClock({ advanceMs: pause + 1000 });
      record = await until(
        ({ attempts, nextAttemptAt, state }) =>
          attempts.length === sent + 1 && (nextAttemptAt !== undefined || state === 'given-up'),
      );
    }
    const expected = [
      15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
    ];
    pauses.forEach((pause, index) =>
      expect(Math.abs(pause - (expected[index] ?? 0))).toBeLessThanOrEqual(1),
    );
    expect(record.state).toBe('given-up');
  });

  it.each([200, 204])('are done when the answer is %d', async (status) => {
    answer = () => ({ status });
    await pay({});
    const record = await until(({ state }) => state === 'delivered');
    expect(record.attempts).toHaveLength(1);
    expect(record.nextAttemptAt).toBeUndefined();
  });

  it.each([201, 202, 301, 302, 400, 401, 503])(
    'are not done when the answer is %d',
    async (status) => {
      const headers = { location: shop.url };
      answer = (index) => (index === 0 ? { status, headers } : { status: 204 });
      await pay({ scale: 0.0001 });
      const record = await until(({ state }) => state === 'delivered');
      expect(record.attempts.map((attempt) => attempt.status)).toEqual([status, 204]);
    },
  );

  it('wait for an answer no longer than they should', async () => {
    answer = (index) => (index === 0 ? { hang: true } : { status: 204 });
    await pay({ scale: 0.0001, notifyTimeoutMs: 30 });
    const record = await until(({ state }) => state === 'delivered');
    expect(record.attempts[0]).toMatchObject({ error: 'no answer in 30 ms' });
    expect(record.attempts[0]?.status).toBeUndefined();
  });

  it('wait five seconds for an answer unless told otherwise', async () => {
    answer = () => ({ hang: true });
    const error = () => emulator.notifications()[0]?.attempts[0]?.error;
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'setImmediate'] });
    await pay({});
    await shop.nth(0);
    jest.advanceTimersByTime(4999);
    await new Promise(setImmediate);
    expect(error()).toBeUndefined();
    jest.advanceTimersByTime(1);
    await emulator.settled();
    expect(error()).toBe('no answer in 5000 ms');
  });

  it('keep one kilobyte of an answer and stop reading a long one', async () => {
    answer = () => ({ status: 500, body: 'x'.repeat(5_000_000), endless: true });
    await pay({});
    const record = await until(
      ({ attempts, nextAttemptAt }) => attempts.length === 1 && nextAttemptAt !== undefined,
    );
    expect(record.attempts[0]?.answer).toHaveLength(1024);
    expect(record.attempts[0]?.error).toBeUndefined();
  });

  it.each(['http://192.0.2.1/notify', 'https://shop.invalid/notify'])(
    'do not go to %s, which is not this machine',
    async (url) => {
      await pay({}, url);
      const record = await until(
        ({ attempts, nextAttemptAt }) => attempts.length === 1 && nextAttemptAt !== undefined,
      );
      expect(record.attempts[0]?.error).toBeDefined();
      expect(record.state).toBe('pending');
    },
  );

  it('say how to allow another machine', async () => {
    await pay({}, 'http://192.0.2.1/notify');
    const record = await until(({ nextAttemptAt }) => nextAttemptAt !== undefined);
    expect(record.attempts[0]?.error).toContain('allowRemoteNotify');
  });

  it('go to localhost by name', async () => {
    await pay({ scale: 0.0001 }, shop.url.replace('127.0.0.1', 'localhost'));
    expect((await until(({ state }) => state === 'delivered')).attempts.at(-1)?.status).toBe(204);
  });

  it('are signed with the certificate that signs when they are sent', async () => {
    answer = () => ({ status: 500 });
    await pay({});
    await until(({ nextAttemptAt }) => nextAttemptAt !== undefined);
    const old = emulator.platformCertificate.serial;
    await emulator.rotate();
    emulator.setClock({ advanceMs: 16_000 });
    const post = await shop.nth(1);
    expect(post.headers['wechatpay-serial']).toBe(emulator.platformCertificate.serial);
    expect(post.headers['wechatpay-serial']).not.toBe(old);
    expect(verifies(post)).toBe(true);
  });

  it('are signed with the public key in the share that was asked for', async () => {
    await pay({ mode: 'both', publicKeyShare: 0.5 });
    for (const outTradeNo of ['NOTIFY-002', 'NOTIFY-003', 'NOTIFY-004']) await order(outTradeNo);
    const last = await shop.nth(3);
    const serials = shop.received.map(({ headers }) => headers['wechatpay-serial']);
    expect(serials.filter((serial) => serial === emulator.publicKey.id)).toHaveLength(2);
    expect([verifies(last), isSignedBy(emulator.publicKey.key, last.headers, last.body)]).toContain(
      true,
    );
  });

  it('are signed with the public key in public-key mode', async () => {
    await pay({ mode: 'public-key' });
    const post = await shop.nth(0);
    expect(post.headers['wechatpay-serial']).toBe(emulator.publicKey.id);
    expect(isSignedBy(emulator.publicKey.key, post.headers, post.body)).toBe(true);
  });

  it('can be posted again by hand', async () => {
    await pay({});
    const { id } = await until(({ state }) => state === 'delivered');
    await emulator.resend(id);
    expect(shop.received).toHaveLength(2);
    await expect(emulator.resend('nobody')).rejects.toThrow(TypeError);
  });

  it('do not come again once they are forgotten', async () => {
    answer = () => ({ status: 500 });
    await pay({ maxNotifications: 1 });
    const { id } = await until(({ attempts }) => attempts[0]?.status === 500);
    answer = () => ({ status: 204 });
    await order('NOTIFY-002');
    emulator.setClock({ advanceMs: 86_400_000 });
    await order('NOTIFY-003');
    await until(({ state }) => state === 'delivered');
    await emulator.settled();
    const ids = shop.received.map(({ body }) => JSON.parse(body.toString('utf8')).id);
    expect(ids.filter((each) => each === id)).toHaveLength(1);
    expect(ids).toHaveLength(3);
  });

  it('are forgotten when there are too many, the oldest first', async () => {
    await pay({ maxNotifications: 2 });
    await order('NOTIFY-002');
    await order('NOTIFY-003');
    const numbers = emulator
      .notifications()
      .map(({ payload }) => (payload as { out_trade_no: string }).out_trade_no);
    expect(numbers).toEqual(['NOTIFY-002', 'NOTIFY-003']);
  });

  describe('with a fault', () => {
    async function first(
      kind: 'signtest' | 'stale-timestamp' | 'wrong-serial' | 'bad-signature' | 'unsigned',
    ): Promise<Received> {
      emulator = await WechatPayEmulator.start({ scale: 0.0001 });
      merchant = new Merchant(emulator);
      emulator.addFault({ match: 'notification', kind });
      answer = (index) => ({ status: index === 0 ? 401 : 204 });
      await order('NOTIFY-001');
      const post = await shop.nth(0);
      const record = await until(({ state }) => state === 'delivered');
      expect(record.attempts.map(({ fault }) => fault)).toEqual([kind, undefined]);
      const second = shop.received[1];
      expect(second !== undefined && verifies(second)).toBe(true);
      return post;
    }

    it('carry the probe that must not verify, once', async () => {
      const post = await first('signtest');
      expect(post.headers['wechatpay-signature']).toMatch(/^WECHATPAY\/SIGNTEST\//);
      expect(verifies(post)).toBe(false);
    });

    it('carry a stale time, well signed', async () => {
      const post = await first('stale-timestamp');
      expect(verifies(post)).toBe(true);
      const age = Date.now() / 1000 - Number(post.headers['wechatpay-timestamp']);
      expect(age).toBeGreaterThan(590);
    });

    it('carry an unknown serial', async () => {
      const post = await first('wrong-serial');
      expect(post.headers['wechatpay-serial']).toMatch(/^0E3A11A7/);
      expect(post.headers['wechatpay-serial']).not.toBe(emulator.platformCertificate.serial);
    });

    it('carry a wrong signature', async () => {
      expect(verifies(await first('bad-signature'))).toBe(false);
    });

    it('carry no signature at all', async () => {
      const names = Object.keys((await first('unsigned')).headers);
      expect(names.filter((name) => name.startsWith('wechatpay-'))).toEqual([]);
    });

    it('come twice at the same time', async () => {
      emulator = await WechatPayEmulator.start();
      merchant = new Merchant(emulator);
      emulator.addFault({ match: 'notification TRANSACTION.SUCCESS', kind: 'duplicate' });
      await order('NOTIFY-001');
      await shop.nth(1);
      await emulator.settled();
      expect(emulator.notifications()[0]?.attempts).toHaveLength(2);
    });

    it('come late', async () => {
      emulator = await WechatPayEmulator.start();
      merchant = new Merchant(emulator);
      emulator.addFault({ match: 'notification', kind: 'delay', delayMs: 400 });
      await order('NOTIFY-001');
      await shop.nth(0);
      await emulator.settled();
      const [attempt] = emulator.notifications()[0]?.attempts ?? [];
      expect(attempt).toMatchObject({ fault: 'delay', status: 204 });
      expect(attempt?.durationMs).toBeGreaterThanOrEqual(395);
    });

    it('are lost, and come again', async () => {
      emulator = await WechatPayEmulator.start({ scale: 0.0001 });
      merchant = new Merchant(emulator);
      emulator.addFault({ match: 'notification', kind: 'drop' });
      emulator.addFault({ match: 'notification REFUND.SUCCESS', kind: 'signtest' });
      await order('NOTIFY-001');
      const { attempts } = await until(({ state }) => state === 'delivered');
      expect(attempts).toMatchObject([
        { fault: 'drop', error: 'dropped by a fault' },
        { status: 204 },
      ]);
      expect(shop.received).toHaveLength(1);
    });
  });
});
