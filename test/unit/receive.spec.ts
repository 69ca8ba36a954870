import { createCipheriv, createSecretKey, sign, type KeyObject } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { publicKeyEntry, PlatformKeyRing, type PlatformKey } from '../../lib/certificates/index.js';
import { WechatPayDecryptionError } from '../../lib/errors/index.js';
import { NotificationTally } from '../../lib/notification/index.js';
import {
  openNotification,
  verifyNotification,
  type NotificationReceiver,
} from '../../lib/notification/receive.js';
import { rsaKey } from '../support/x509.js';

const NOW = Date.UTC(2026, 0, 1);
const ID = `PUB_KEY_ID_${'1'.repeat(32)}`;
const MCHID = '1900000001';
const CURRENT = createSecretKey(Buffer.from('c'.repeat(32)));
const PREVIOUS = createSecretKey(Buffer.from('p'.repeat(32)));
const KEY = publicKeyEntry(ID, rsaKey('platform').publicKey);
const BODY = Buffer.from('{"id":"1"}');

/** What a receiver is asked and told. */
class Receiver implements NotificationReceiver {
  readonly name = 'shop';
  readonly mchid = MCHID;
  readonly notifications = new NotificationTally();
  readonly asked: string[] = [];
  previousKeys = 0;
  found: () => Promise<PlatformKey | undefined> = () => Promise.resolve(undefined);
  apiV3Keys = [CURRENT, PREVIOUS];
  ring = new PlatformKeyRing([KEY]);
  lastError: WechatPayDecryptionError | undefined;

  get certificates(): NotificationReceiver['certificates'] {
    return {
      keyRing: this.ring,
      status: { lastError: this.lastError },
      find: (serial) => {
        this.asked.push(serial);
        return this.found();
      },
      countReceived: () => undefined,
      reportApiV3Key: (type) => {
        if (type === 'previous-api-v3-key-used') this.previousKeys += 1;
      },
    };
  }

  get credentials(): NotificationReceiver['credentials'] {
    return {
      credential: undefined,
      get: () => Promise.resolve({ apiV3Keys: this.apiV3Keys }),
    };
  }
}

function headersOf(body = BODY, changes: Record<string, string | string[] | undefined> = {}) {
  const timestamp = String(NOW / 1000);
  const message = `${timestamp}\nnonce\n${body.toString('latin1')}\n`;
  const signature = sign('sha256', Buffer.from(message, 'latin1'), rsaKey('platform').privateKey);
  return {
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': 'nonce',
    'wechatpay-signature': signature.toString('base64'),
    'wechatpay-serial': ID,
    ...changes,
  };
}

function sealed(payload: unknown, key: KeyObject = CURRENT, changes: object = {}): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, 'nonce0123456');
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const parts = [cipher.update(text), cipher.final(), cipher.getAuthTag()];
  return Buffer.from(
    JSON.stringify({
      id: 'n-1',
      create_time: '2026-01-01T00:00:00+08:00',
      event_type: 'TRANSACTION.SUCCESS',
      summary: '支付成功',
      resource: {
        original_type: 'transaction',
        algorithm: 'AEAD_AES_256_GCM',
        nonce: 'nonce0123456',
        ciphertext: Buffer.concat(parts).toString('base64'),
      },
      ...changes,
    }),
  );
}

describe('the signature of a notification', () => {
  const verify = async (
    receiver: Receiver,
    changes?: Record<string, string | string[] | undefined>,
  ): Promise<void> => verifyNotification(receiver, headersOf(BODY, changes), BODY, NOW);

  afterEach(() => {
    jest.useRealTimers();
  });

  it('verifies with the key in the ring, and asks for no other', async () => {
    const receiver = new Receiver();
    await expect(verify(receiver)).resolves.toBeUndefined();
    expect(receiver.asked).toEqual([]);
  });

  it('is named missing with every header that is, and costs no key', async () => {
    const receiver = new Receiver();
    const unsigned = async (): Promise<void> => verifyNotification(receiver, {}, BODY, NOW);
    await expect(unsigned()).rejects.toMatchObject({
      code: 'SIGNATURE_MISSING',
      message: expect.stringMatching(
        /wechatpay-timestamp, wechatpay-nonce, wechatpay-signature, wechatpay-serial missing/,
      ) as unknown,
    });
    await expect(verify(receiver, { 'wechatpay-nonce': undefined })).rejects.toMatchObject({
      code: 'SIGNATURE_MISSING',
      message: expect.stringContaining('Not signed: wechatpay-nonce missing') as unknown,
    });
    expect(receiver.asked).toEqual([]);
  });

  it.each([
    ['SIGNATURE_MALFORMED', { 'wechatpay-timestamp': '1e9' }],
    ['SIGNATURE_MALFORMED', { 'wechatpay-timestamp': [String(NOW / 1000)] }],
    ['SIGNATURE_MALFORMED', { 'wechatpay-serial': '__proto__' }],
    ['SIGNATURE_MALFORMED', { 'wechatpay-serial': `PUB_KEY_ID_${'1'.repeat(65)}` }],
    ['SIGNATURE_MALFORMED', { 'wechatpay-nonce': 'a\nb' }],
    ['SIGNATURE_MALFORMED', { 'wechatpay-nonce': 'ä' }],
    ['SIGNATURE_EXPIRED', { 'wechatpay-timestamp': String(NOW / 1000 - 300) }],
    ['SIGNATURE_EXPIRED', { 'wechatpay-timestamp': String(NOW / 1000 + 300) }],
    ['SIGNATURE_EXPIRED', { 'wechatpay-timestamp': String(NOW).slice(0, 12) }],
    ['SIGNATURE_TYPE_UNSUPPORTED', { 'wechatpay-signature-type': 'WECHATPAY2-SM2-WITH-SM3' }],
    ['SIGNATURE_INVALID', { 'wechatpay-nonce': 'other' }],
    ['SIGNATURE_KEY_UNKNOWN', { 'wechatpay-serial': 'ABCDEF' }],
  ])('is refused as %s for %j', async (code, changes) => {
    const receiver = new Receiver();
    await expect(verify(receiver, changes)).rejects.toMatchObject({ code });
    expect(receiver.asked).toEqual(code === 'SIGNATURE_KEY_UNKNOWN' ? ['ABCDEF'] : []);
  });

  it('is told apart when it is a probe of the platform', async () => {
    const probe = verify(new Receiver(), { 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' });
    await expect(probe).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', isProbe: true });
    const other = verify(new Receiver(), { 'wechatpay-signature': 'x' });
    await expect(other).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', isProbe: false });
  });

  it.each([
    ['SIGNATURE_KEY_UNKNOWN', { 'wechatpay-serial': 'ABCDEF' }],
    ['SIGNATURE_EXPIRED', { 'wechatpay-timestamp': String(NOW / 1000 - 300) }],
  ])('is told apart when a probe is refused as %s', async (code, changes) => {
    const probe = { ...changes, 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' };
    await expect(verify(new Receiver(), probe)).rejects.toMatchObject({ code, isProbe: true });
    await expect(verify(new Receiver(), changes)).rejects.toMatchObject({ code, isProbe: false });
  });

  it('is told apart when it is a probe, also while no certificate list opens', async () => {
    const receiver = new Receiver();
    receiver.lastError = new WechatPayDecryptionError('a wrong APIv3 key');
    const changes = { 'wechatpay-serial': 'ABCDEF' };
    await expect(verify(receiver, changes)).rejects.toBe(receiver.lastError);
    const probe = { ...changes, 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' };
    await expect(verify(receiver, probe)).rejects.toMatchObject({ isProbe: true });
  });

  it('verifies with a key that had to be fetched', async () => {
    const receiver = new Receiver();
    receiver.ring = new PlatformKeyRing([]);
    receiver.found = () => Promise.resolve(KEY);
    await expect(verify(receiver)).resolves.toBeUndefined();
    expect(receiver.asked).toEqual([ID]);
  });

  it('does not wait longer than two seconds for a key', async () => {
    jest.useFakeTimers();
    const receiver = new Receiver();
    receiver.found = () => new Promise(() => undefined);
    const outcome = verify(receiver, { 'wechatpay-serial': 'ABCDEF' }).catch(
      (error: unknown) => error,
    );
    let isOver = false;
    void outcome.then(() => (isOver = true));
    await jest.advanceTimersByTimeAsync(1_999);
    expect(isOver).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(await outcome).toMatchObject({ code: 'SIGNATURE_KEY_UNKNOWN' });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is of an unknown key when fetching it fails', async () => {
    const receiver = new Receiver();
    receiver.found = () => Promise.reject(new Error('no network'));
    await expect(verify(receiver, { 'wechatpay-serial': 'ABCDEF' })).rejects.toMatchObject({
      code: 'SIGNATURE_KEY_UNKNOWN',
    });
  });
});

describe('the content of a notification', () => {
  const open = async (body: Buffer, receiver = new Receiver()) =>
    openNotification(receiver, { headers: {}, body, receivedAtMs: 0 });

  it('is what the platform sealed, with the facts around it', async () => {
    const receiver = new Receiver();
    const opened = await open(sealed({ mchid: MCHID, out_trade_no: '1' }), receiver);
    expect(opened).toEqual({
      id: 'n-1',
      eventType: 'TRANSACTION.SUCCESS',
      createTime: '2026-01-01T00:00:00+08:00',
      originalType: 'transaction',
      summary: '支付成功',
      merchant: 'shop',
      mchid: MCHID,
      payload: { mchid: MCHID, out_trade_no: '1' },
    });
    expect(Object.isFrozen(opened)).toBe(true);
    expect(receiver.previousKeys).toBe(0);
  });

  it('opens with a previous APIv3 key, which is reported', async () => {
    const receiver = new Receiver();
    await expect(open(sealed({ mchid: MCHID }, PREVIOUS), receiver)).resolves.toBeDefined();
    expect(receiver.previousKeys).toBe(1);
  });

  it('that opens with no key is our wrong key, not a refusal', async () => {
    const receiver = new Receiver();
    receiver.apiV3Keys = [CURRENT];
    await expect(open(sealed({ mchid: MCHID }, PREVIOUS), receiver)).rejects.toMatchObject({
      code: 'DECRYPTION_FAILED',
    });
    expect(receiver.previousKeys).toBe(0);
  });

  it('keeps every letter of its texts, written as such or as an escape', async () => {
    const letters = fc.string({ unit: fc.constantFrom(...'a"\\/é支付\u0080ÿ😀\u2028 ') });
    await fc.assert(
      fc.asyncProperty(letters, letters, fc.boolean(), async (id, summary, isEscaped) => {
        const body = sealed({ mchid: MCHID }, CURRENT, { id, summary, create_time: summary });
        const escape = (letter: string): string =>
          `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
        const json = isEscaped ? body.toString().replace(/[^\x20-\x7e]/g, escape) : body;
        const opened = await open(Buffer.from(json));
        expect(opened).toMatchObject({ id, summary, createTime: summary });
      }),
    );
  });

  it.each([
    ['cut off', (json: Buffer) => json.subarray(0, -1)],
    ['no UTF-8', (json: Buffer) => Buffer.concat([json.subarray(0, -1), Buffer.from([0xff])])],
    [
      'no UTF-8 within a text',
      (json: Buffer) => Buffer.from(json.toString('latin1').replace('n-1', 'n-\xe6'), 'latin1'),
    ],
    ['null', () => Buffer.from('null')],
  ])('is refused when it is %s', async (_, damage) => {
    await expect(open(damage(sealed({ mchid: MCHID })))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  it('does without a summary and a time', async () => {
    const body = sealed({ mchid: MCHID }, CURRENT, { summary: 1, create_time: null });
    expect(await open(body)).toMatchObject({ summary: undefined, createTime: '' });
  });

  it.each([
    ['sp_mchid', 'REFUND.SUCCESS'],
    ['combine_mchid', 'TRANSACTION.SUCCESS'],
    ['mchid', 'COUPON.USE'],
  ])('names its merchant as %s in %s', async (name, event) => {
    const changes = { event_type: event };
    await expect(open(sealed({ [name]: MCHID }, CURRENT, changes))).resolves.toBeDefined();
    await expect(open(sealed({ [name]: '1900000009' }, CURRENT, changes))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('another merchant') as unknown,
    });
  });

  it.each(['TRANSACTION.SUCCESS', 'REFUND.CLOSED'])('of %s must name a merchant', async (event) => {
    await expect(open(sealed({}, CURRENT, { event_type: event }))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  it('is a share by its shape, where it does not say so, and then for its receiver', async () => {
    const without = (payload: object, changes: object = {}) => {
      const body = sealed(payload, CURRENT, changes);
      const { resource, ...envelope } = JSON.parse(body.toString()) as {
        resource: { original_type?: string };
      };
      return Buffer.from(
        JSON.stringify({
          ...envelope,
          resource: { ...resource, original_type: undefined },
        }),
      );
    };
    const share = { mchid: '19', out_order_no: 'P-1', receiver: { account: MCHID } };
    await expect(open(without(share))).resolves.toMatchObject({ originalType: 'profitsharing' });
    for (const other of [
      { ...share, receiver: { account: '19' } },
      { ...share, receiver: null },
      { ...share, receiver: MCHID },
      { ...share, out_order_no: 1 },
    ]) {
      await expect(open(without(other))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    await expect(open(sealed(share))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const coupon = { event_type: 'COUPON.USE' };
    await expect(open(without({ ...share, mchid: MCHID }, coupon))).resolves.toMatchObject({
      originalType: undefined,
    });
  });

  it.each(['null', '"text"', '42', '[]', 'true', 'not JSON', ''])(
    'is refused when it is %s in place of an object, whatever the event',
    async (text) => {
      const body = sealed(text, CURRENT, { event_type: 'COUPON.USE' });
      await expect(open(body)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    },
  );

  it.each(['null', '"text"', '42', '[]', '{}'])(
    'is refused around it when that is %s',
    async (text) => {
      const code = 'REQUEST_INVALID';
      await expect(open(Buffer.from(text))).rejects.toMatchObject({ code });
      const body = sealed({ mchid: MCHID }, CURRENT, { resource: JSON.parse(text) as unknown });
      await expect(open(body)).rejects.toMatchObject({ code });
    },
  );

  it.each(['__proto__', '\\u005f_proto__', '__pr\\u006Fto__'])(
    'loses a key written as %s',
    async (name) => {
      const opened = await open(sealed(`{"${name}":{"polluted":true},"mchid":"${MCHID}"}`));
      expect(Object.getOwnPropertyNames(opened.payload)).toEqual(['mchid']);
      expect(opened.payload).not.toHaveProperty('polluted');
    },
  );
});
