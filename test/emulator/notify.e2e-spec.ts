import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator, type WechatPayEmulatorOptions } from 'nestjs-wechatpay-emulator';
import {
  isSignedBy,
  open,
  send,
  startNotifyServer,
  type NotifyAnswer,
  type NotifyServer,
  type Received,
} from './support/merchant.js';

const PAID = 'TRANSACTION.SUCCESS';

describe('Notifying of an event', () => {
  let emulator: WechatPayEmulator;
  let shop: NotifyServer;
  let answer: (index: number) => NotifyAnswer;
  let url: string;

  beforeEach(async () => {
    answer = () => ({ status: 204 });
    shop = await startNotifyServer((index) => answer(index));
    ({ url } = shop);
  });
  afterEach(async () => {
    await emulator.close();
    await shop.close();
  });

  async function start(options: WechatPayEmulatorOptions = {}): Promise<void> {
    emulator = await WechatPayEmulator.start(options);
  }
  const parsed = ({ body }: Received) => JSON.parse(body.toString('utf8'));
  const opened = (post: Received) => JSON.parse(open(parsed(post).resource, emulator.apiV3Key));
  /** Ends of the promise, for those that are not expected yet. */
  function watch<T>(promise: Promise<T>): { promise: Promise<T>; isDone: () => boolean } {
    let done = false;
    const end = (): void => void (done = true);
    promise.then(end, end);
    return { promise, isDone: () => done };
  }

  it('posts copies of one notification, each signed anew', async () => {
    await start({ notifyUrl: url });
    const facts = { id: 'n-1', createTime: '2020-01-01T00:00:00+08:00', summary: '支付' };
    const [record] = await emulator.notify(PAID, { out_trade_no: 'A-1' }, { copies: 3, ...facts });
    expect(shop.received).toHaveLength(3);
    const bodies = new Set(shop.received.map(({ body }) => body.toString('utf8')));
    const nonces = new Set(shop.received.map(({ headers }) => headers['wechatpay-nonce']));
    expect([bodies.size, nonces.size]).toEqual([1, 3]);
    const [first] = shop.received;
    if (first === undefined) throw new TypeError('nothing came');
    const { certificate } = emulator.platformCertificate;
    expect(isSignedBy(certificate, first.headers, first.body)).toBe(true);
    expect(parsed(first)).toMatchObject({
      id: 'n-1',
      create_time: facts.createTime,
      summary: facts.summary,
      event_type: PAID,
      resource: { original_type: 'transaction', associated_data: 'transaction' },
    });
    expect(opened(first)).toMatchObject({ out_trade_no: 'A-1', amount: { total: 100 } });
    expect(record?.attempts.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(emulator.notifications()).toEqual([record]);
  });

  it('says what kind of payload it is, and leaves associated data out when asked', async () => {
    await start({ notifyUrl: url });
    await emulator.notify('TRANSACTION.SUCCESS/profitsharing', {}, { associatedData: null });
    const [first] = shop.received;
    if (first === undefined) throw new TypeError('nothing came');
    const { resource } = parsed(first);
    expect(resource).toMatchObject({ original_type: 'profitsharing' });
    expect(resource).not.toHaveProperty('associated_data');
    expect(opened(first)).toHaveProperty('receiver');
  });

  it('posts again until it is taken, and then gives up, in scaled time', async () => {
    await start({ scale: 1 });
    answer = () => ({ status: 500 });
    const [record] = await emulator.notify(PAID, {}, { url, scale: 0.000001 });
    expect(record?.state).toBe('given-up');
    expect(record?.attempts).toHaveLength(16);
  });

  it('counts one copy that is taken as all of them', async () => {
    await start({ scale: 0.000001 });
    answer = (index) => ({ status: index === 1 ? 204 : 503 });
    const [record] = await emulator.notify(PAID, {}, { url, copies: 3 });
    expect(record?.state).toBe('delivered');
    expect(record?.attempts).toHaveLength(3);
  });

  it('does not post again when it should not', async () => {
    await start();
    answer = () => ({ status: 500 });
    const [record] = await emulator.notify(PAID, {}, { url, copies: 2, resend: false });
    expect(record).toMatchObject({
      state: 'given-up',
      attempts: [{ status: 500 }, { status: 500 }],
    });
    expect(record).not.toHaveProperty('nextAttemptAt');
  });

  it('takes so long between copies as the emulator’s clock says', async () => {
    await start();
    const day = 86_400_000;
    const options = { url, copies: 3, delayMs: 600_000 };
    const sending = watch(emulator.notify(PAID, {}, options));
    await shop.nth(0);
    await emulator.settled();
    expect(shop.received).toHaveLength(1);
    emulator.setClock({ advanceMs: 600_001 });
    await shop.nth(1);
    await emulator.settled();
    expect([shop.received.length, sending.isDone()]).toEqual([2, false]);
    emulator.setClock({ advanceMs: day });
    const [record] = await sending.promise;
    expect(record?.attempts).toHaveLength(3);
  });

  it('spreads posts over a time', async () => {
    await start();
    const sending = emulator.notify(PAID, {}, { url, copies: 8, spreadMs: 600_000 });
    emulator.setClock({ advanceMs: 600_000 });
    await sending;
    expect(shop.received).toHaveLength(8);
  });

  it.each([3, 16])(
    'has no more than %d posts under way, first ones or later ones',
    async (room) => {
      await start();
      let most = 0;
      answer = (index) => {
        const attempts = emulator.notifications().flatMap((record) => record.attempts);
        const waiting = attempts.filter(({ status, error }) => (status ?? error) === undefined);
        most = Math.max(most, waiting.length);
        return { status: index < 40 ? 500 : 204 };
      };
      const events = Array.from({ length: 20 }, () => ({ event: PAID }));
      const settings = {
        url,
        copies: 2,
        scale: 0.000001,
        ...(room !== 16 && { concurrency: room }),
      };
      const records = await emulator.notify(events, settings);
      expect(records.every(({ state }) => state === 'delivered')).toBe(true);
      expect(shop.received.length).toBeGreaterThanOrEqual(60);
      expect(most).toBe(room);
    },
  );

  it('shuffles by its seed: the same seed, the same order', async () => {
    await start();
    const events = Array.from({ length: 20 }, (_, index) => ({
      event: PAID,
      payload: { out_trade_no: `S-${index}` },
    }));
    const run = async (settings: object): Promise<string[]> => {
      shop.received.length = 0;
      await emulator.notify(events, { url, concurrency: 1, ...settings });
      return shop.received.map((post) => opened(post).out_trade_no);
    };
    const straight = await run({});
    expect(straight).toEqual(events.map(({ payload }) => payload.out_trade_no));
    const first = await run({ shuffle: true });
    expect(first).not.toEqual(straight);
    expect([...first].sort()).toEqual([...straight].sort());
    expect(await run({ shuffle: true, seed: 1 })).toEqual(first);
    expect(await run({ shuffle: true, seed: 2 })).not.toEqual(first);
  });

  it('reaches its end though more are sent than are remembered', async () => {
    await start({ maxNotifications: 2 });
    answer = (index) => ({ status: index < 6 ? 500 : 204 });
    const events = Array.from({ length: 6 }, () => ({ event: PAID }));
    const sending = emulator.notify(events, { url, concurrency: 1 });
    await shop.nth(5);
    await emulator.settled();
    expect(emulator.notifications()).toHaveLength(2);
    emulator.setClock({ advanceMs: 20_000 });
    const records = await sending;
    expect(records.map(({ state }) => state)).toEqual(events.map(() => 'delivered'));
  });

  it('ends with what there is when the emulator closes', async () => {
    await start();
    answer = () => ({ hang: true });
    const events = [{ event: PAID }, { event: PAID, copies: 2 }];
    const hanging = emulator.notify(events, { url, concurrency: 1 });
    await shop.nth(0);
    await emulator.close();
    const [first, second] = await hanging;
    expect(first).toMatchObject({ state: 'pending', attempts: [{ error: expect.any(String) }] });
    expect(second).toMatchObject({ state: 'pending', attempts: [] });
    await expect(emulator.notify(PAID, {}, { url })).resolves.toMatchObject([{ attempts: [] }]);
  });

  it('ends while it waits for the time of a copy, or of the schedule, when the emulator closes', async () => {
    await start();
    answer = () => ({ status: 500 });
    const copies = emulator.notify(PAID, {}, { url, copies: 2, delayMs: 600_000 });
    await shop.nth(0);
    const schedule = emulator.notify(PAID, {}, { url });
    await shop.nth(1);
    await emulator.settled();
    await emulator.close();
    await expect(copies).resolves.toMatchObject([{ attempts: [{ status: 500 }] }]);
    await expect(schedule).resolves.toMatchObject([{ attempts: [{ status: 500 }] }]);
  });

  it('ends while one waits for its turn to come again, when the emulator closes', async () => {
    await start();
    answer = (index) => (index === 0 ? { status: 500 } : { hang: true });
    const events = Array.from({ length: 3 }, () => ({ event: PAID }));
    const hanging = emulator.notify(events, { url, concurrency: 1, scale: 0 });
    await shop.nth(1);
    while (emulator.notifications()[0]?.nextAttemptAt !== undefined)
      await new Promise(setImmediate);
    await emulator.close();
    const records = await hanging;
    expect(records.map(({ state }) => state)).toEqual(events.map(() => 'pending'));
  });

  it('does not leave this machine', async () => {
    await start();
    const settings = { url: 'http://192.0.2.1/notify', resend: false };
    const [record] = await emulator.notify(PAID, {}, settings);
    expect(record?.attempts[0]?.error).toContain('192.0.2.1 is not a loopback address');
  });

  it('fails for a payload that JSON cannot write, and sends no more', async () => {
    await start();
    answer = () => ({ status: 500 });
    const events = [
      { event: PAID },
      { event: 'COUPON.USE', payload: { coupon_id: 5n } },
      { event: PAID },
    ];
    await expect(emulator.notify(events, { url, concurrency: 1 })).rejects.toThrow('BigInt');
    await emulator.settled();
    expect(shop.received).toHaveLength(1);
    expect(emulator.notifications()).toMatchObject([{ state: 'given-up' }]);
  });

  const refusals: readonly [string, object][] = [
    ['copy is not known', { copy: 2 }],
    ['copies must be a whole number from 1 to 64', { copies: 65 }],
    ['copies must be a whole number from 1 to 64', { copies: 1.5 }],
    ['copies must be a number', { copies: '2' }],
    ['delayMs must be a whole number from 0 to 600000', { delayMs: -1 }],
    ['spreadMs must be a whole number from 0 to 600000', { spreadMs: 600_001 }],
    ['concurrency must be a whole number from 1 to 1000', { concurrency: 0 }],
    ['seed must be a whole number from 0 to 4294967295', { seed: 2 ** 32 }],
    ['scale must be a number from 0 to 1000', { scale: 1001 }],
    ['shuffle must be true or false', { shuffle: 1 }],
    ['resend must be true or false', { resend: 'no' }],
    ['id must be a text', { id: '' }],
    ['associatedData must be a text or null', { associatedData: 5 }],
    ['url must be an absolute URL', { url: '/notify' }],
    ['url must be an absolute URL', { url: 'ftp://127.0.0.1/' }],
    ['event must be an event type', { event: 'NO SUCH' }],
    ['event must be an event type', { event: undefined }],
    ['payload must be an object', { payload: [] }],
    ['the emulator has no merchant 1900009999', { mchid: '1900009999' }],
    ['events must be a list', { event: undefined, events: {} }],
    ['events must be 1 to 100000', { event: undefined, events: [] }],
    ['events[1] must be an object', { event: undefined, events: [{ event: PAID }, 5] }],
    ['events[0].cpies is not known', { event: undefined, events: [{ event: PAID, cpies: 1 }] }],
    ['events[0].event must be an event type', { event: undefined, events: [{}] }],
    ['id is not known', { event: undefined, events: [{ event: PAID }], id: 'n-1' }],
    ['event is not known', { events: [{ event: PAID }] }],
  ];

  describe('over HTTP', () => {
    const post = async (body: object) =>
      send(emulator.url, {
        method: 'POST',
        path: '/emulator/notifications',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });

    it('takes the same, and answers with every post and its answer', async () => {
      await start({ scale: 0.000001 });
      answer = (index) => ({ status: index === 0 ? 500 : 204 });
      const events = [{ event: PAID, payload: { out_trade_no: 'H-1' }, copies: 2 }];
      const body = { events, url, concurrency: 1, shuffle: true, seed: 3 };
      const { status, json } = await post(body);
      expect(status).toBe(200);
      expect(json).toMatchObject({
        notifications: [
          { state: 'delivered', attempts: [{ status: 500 }, { status: 204 }], eventType: PAID },
        ],
      });
      expect(await post({ event: 'COUPON.USE', payload: { coupon_id: '1' }, url })).toMatchObject({
        status: 200,
        json: { notifications: [{ payload: { coupon_id: '1' } }] },
      });
    });

    it('takes more than the other requests, and has a bound', async () => {
      await start();
      const large = { event: 'COUPON.USE', payload: { text: 'x'.repeat(100_000) }, url };
      expect(await post(large)).toMatchObject({ status: 200 });
      const tooLarge = { ...large, payload: { text: 'x'.repeat(16 * 1024 * 1024) } };
      expect(await post(tooLarge)).toMatchObject({ status: 413 });
    });

    it.each(refusals)('refuses what makes no sense: %s', async (message, changes) => {
      await start();
      const { status, json } = await post({ event: PAID, url, ...changes });
      expect({ status, json }).toMatchObject({
        status: 400,
        json: { code: 'BAD_REQUEST', message: expect.stringContaining(message) },
      });
      expect(shop.received).toEqual([]);
    });
  });

  it('refuses the same in code', async () => {
    await start({ notifyUrl: url });
    const refused = async (message: string, ...args: unknown[]): Promise<void> => {
      const asked = emulator.notify(...(args as Parameters<WechatPayEmulator['notify']>));
      await expect(asked).rejects.toThrow(message);
    };
    await refused('copy is not known', PAID, {}, { copy: 2 });
    await refused('copies must be', PAID, {}, { copies: 65 });
    await refused('events[0].copies must be', [{ event: PAID, copies: 0 }]);
    await refused('shuffle must be', [{ event: PAID }], { shuffle: 1 });
    await refused('event must be an event type', undefined);
    await refused('payload must be an object', PAID, null);
    expect(shop.received).toEqual([]);
  });

  it('refuses too many events, and too many posts', async () => {
    await start({ notifyUrl: url });
    const many = (length: number) => Array.from({ length }, () => ({ event: PAID }));
    await expect(emulator.notify(many(100_001))).rejects.toThrow('events must be 1 to 100000');
    await expect(emulator.notify(many(20_000), { copies: 64 })).rejects.toThrow(
      'events with their copies must be at most 1000000',
    );
  });
});
