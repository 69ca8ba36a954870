import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator, type EmulatorSignedNotification } from 'nestjs-wechatpay-emulator';
import { isSignedBy, open } from './support/merchant.js';

describe('A notification made by hand', () => {
  let emulator: WechatPayEmulator;
  const payload = { mchid: '1900000001', out_trade_no: 'HAND-00001' };

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });

  afterAll(() => emulator.close());

  const verifies = ({ headers, body }: EmulatorSignedNotification) =>
    isSignedBy(emulator.platformCertificate.certificate, headers, body);
  const parse = ({ body }: EmulatorSignedNotification) => JSON.parse(body.toString('utf8'));
  const make = (overrides: Parameters<WechatPayEmulator['createNotification']>[2]) =>
    emulator.createNotification('TRANSACTION.SUCCESS', payload, overrides);

  it('is encrypted and signed as the platform would', () => {
    const made = make({});
    expect(verifies(made)).toBe(true);
    expect(made.headers).toMatchObject({
      'content-type': 'application/json',
      'wechatpay-serial': emulator.platformCertificate.serial,
      'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
    });
    const body = parse(made);
    expect(body).toMatchObject({
      id: made.id,
      event_type: 'TRANSACTION.SUCCESS',
      resource_type: 'encrypt-resource',
      resource: { original_type: 'transaction', associated_data: 'transaction' },
    });
    expect(JSON.parse(open(body.resource, emulator.apiV3Key))).toEqual(payload);
  });

  it('can have any time, nonce and id, signed as given', () => {
    const made = make({
      timestamp: '1e9',
      nonce: 'once',
      id: 'same',
      createTime: '2020-01-01T00:00:00+08:00',
    });
    expect(made.headers).toMatchObject({ 'wechatpay-timestamp': '1e9', 'wechatpay-nonce': 'once' });
    expect(parse(made)).toMatchObject({ id: 'same', create_time: '2020-01-01T00:00:00+08:00' });
    expect(verifies(made)).toBe(true);
  });

  it('can name another serial, signature and signature type, or none', () => {
    const made = make({
      serial: '__proto__',
      signature: 'WECHATPAY/SIGNTEST/x',
      signatureType: null,
    });
    expect(made.headers['wechatpay-serial']).toBe('__proto__');
    expect(made.headers['wechatpay-signature']).toBe('WECHATPAY/SIGNTEST/x');
    expect(made.headers).not.toHaveProperty('wechatpay-signature-type');
    const bare = make({ headers: { 'Wechatpay-Nonce': undefined, 'Content-Type': 'text/plain' } });
    expect(bare.headers).not.toHaveProperty('wechatpay-nonce');
    expect(bare.headers['content-type']).toBe('text/plain');
  });

  it('can be signed by the public key, by a named certificate, or by a stranger', () => {
    const byPublicKey = make({ signer: 'public-key' });
    expect(byPublicKey.headers['wechatpay-serial']).toBe(emulator.publicKey.id);
    expect(isSignedBy(emulator.publicKey.key, byPublicKey.headers, byPublicKey.body)).toBe(true);
    expect(verifies(make({ signer: emulator.platformCertificate.serial }))).toBe(true);
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const strange = make({ signingKey: pem });
    expect(verifies(strange)).toBe(false);
    const own = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(isSignedBy(own, strange.headers, strange.body)).toBe(true);
    expect(() => make({ signer: 'nobody' })).toThrow(TypeError);
  });

  it('can have any body, signed as given or changed afterwards', () => {
    for (const body of ['', '5', 'not json', Buffer.from([0xff, 0xfe])]) {
      const made = make({ body });
      expect(made.body).toEqual(Buffer.from(body));
      expect(verifies(made)).toBe(true);
    }
    const changed = make({ mutateBody: (body) => Buffer.concat([body, Buffer.from(' ')]) });
    expect(verifies(changed)).toBe(false);
  });

  it.each([4, 12, 15])('can have a tag of %d bytes', (tagBytes) => {
    const whole = Buffer.from(parse(make({})).resource.ciphertext, 'base64');
    const made = make({ tagBytes });
    const cut = Buffer.from(parse(made).resource.ciphertext, 'base64');
    expect(whole.length - cut.length).toBe(16 - tagBytes);
    expect(verifies(made)).toBe(true);
  });

  it('can have a tag with a flipped bit', () => {
    const flip = (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
      return copy;
    };
    const { resource } = parse(make({ mutateCiphertext: flip }));
    expect(() => open(resource, emulator.apiV3Key)).toThrow();
  });

  it('can be sealed with another APIv3 key, with other text, with no associated data', () => {
    const apiV3Key = 'emulatorOnly'.padEnd(32, 'x');
    const other = parse(make({ apiV3Key, plaintext: 'not json' })).resource;
    expect(open(other, apiV3Key)).toBe('not json');
    expect(() => open(other, emulator.apiV3Key)).toThrow();
    const empty = parse(make({ associatedData: '' })).resource;
    expect(empty.associated_data).toBe('');
    expect(JSON.parse(open(empty, emulator.apiV3Key))).toEqual(payload);
    const absent = parse(make({ associatedData: null })).resource;
    expect(absent).not.toHaveProperty('associated_data');
    expect(JSON.parse(open(absent, emulator.apiV3Key))).toEqual(payload);
  });

  it('can be another merchant’s', async () => {
    const { mchid, apiV3Key } = await emulator.addMerchant();
    expect(apiV3Key).not.toBe(emulator.apiV3Key);
    expect(JSON.parse(open(parse(make({ mchid })).resource, apiV3Key))).toEqual(payload);
    expect(() => make({ mchid: '1900009999' })).toThrow(TypeError);
  });

  it.each([
    ['REFUND.SUCCESS', 'refund'],
    ['PROFITSHARING.SUCCESS', 'profitsharing'],
    ['MCHTRANSFER.BILL.FINISHED', 'mch_payment'],
    ['SOMETHING.NEW', 'transaction'],
  ])('of type %s carries %s', (eventType, originalType) => {
    const { resource } = parse(emulator.createNotification(eventType, payload));
    expect(resource.original_type).toBe(originalType);
  });
});
