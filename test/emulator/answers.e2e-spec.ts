import { afterEach, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator, type EmulatorMode } from 'nestjs-wechatpay-emulator';
import { isSignedBy, Merchant, open } from './support/merchant.js';

type Envelope = {
  serial_no: string;
  effective_time: string;
  expire_time: string;
  encrypt_certificate: Record<string, string>;
};

describe('Signed answers and keys', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;

  async function start(mode: EmulatorMode, more: object = {}): Promise<void> {
    emulator = await WechatPayEmulator.start({ mode, ...more });
    merchant = new Merchant(emulator);
  }

  afterEach(() => emulator.close());

  async function listed(): Promise<readonly Envelope[]> {
    const answer = await merchant.get('/v3/certificates');
    return (answer.json as { data: Envelope[] }).data;
  }

  it('signs a 204 over an empty body', async () => {
    await start('certificates');
    await merchant.native('CLOSE-0001');
    const path = '/v3/pay/transactions/out-trade-no/CLOSE-0001/close';
    const answer = await merchant.post(path, { mchid: merchant.mchid });
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(isSignedBy(emulator.platformCertificate.certificate, answer.headers, '')).toBe(true);
  });

  it('signs business errors', async () => {
    await start('certificates');
    const answer = await merchant.query('MISSING001');
    expect(answer).toMatchObject({ status: 404, json: { code: 'ORDER_NOT_EXIST' } });
    expect(isSignedBy(emulator.platformCertificate.certificate, answer.headers, answer.text)).toBe(
      true,
    );
    expect(answer.headers['request-id']).toMatch(/-268512771$/);
  });

  it('lists its certificates sealed with the APIv3 key, times in +08:00', async () => {
    await start('certificates');
    const [first, ...others] = await listed();
    expect(others).toEqual([]);
    expect(first?.serial_no).toBe(emulator.platformCertificate.serial);
    expect(first?.serial_no).toMatch(/^0E3A11A7[0-9A-F]{32}$/);
    expect(first?.effective_time).toMatch(/\+08:00$/);
    expect(Date.parse(first?.expire_time ?? '')).toBeGreaterThan(Date.now());
    expect(first?.encrypt_certificate['algorithm']).toBe('AEAD_AES_256_GCM');
    expect(first?.encrypt_certificate['nonce']).toHaveLength(12);
    expect(first?.encrypt_certificate['associated_data']).toBe('certificate');
    expect(merchant.open(first?.encrypt_certificate ?? {})).toBe(
      emulator.platformCertificate.certificate,
    );
    expect(() => open(first?.encrypt_certificate ?? {}, 'x'.repeat(32))).toThrow();
  });

  it.each([
    ['RSA', 200, undefined],
    ['ALL', 200, undefined],
    ['SM2', 400, 'PARAM_ERROR'],
  ])('lists its certificates for the algorithm %s: %d', async (algorithm, status, code) => {
    await start('certificates');
    const answer = await merchant.get(`/v3/certificates?algorithm_type=${algorithm}`);
    expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status, code });
  });

  it('rotates step by step: listed first, then signing, then alone', async () => {
    await start('certificates');
    const old = emulator.platformCertificate;
    const added = await emulator.rotate('add');
    expect(added.certificates).toHaveLength(2);
    expect(added.signing).toBe(old.serial);
    expect((await listed()).map(({ serial_no }) => serial_no)).toEqual(added.certificates);
    expect((await merchant.get('/v3/certificates')).headers['wechatpay-serial']).toBe(old.serial);

    await emulator.rotate('activate');
    const fresh = emulator.platformCertificate;
    expect(fresh.serial).not.toBe(old.serial);
    const answer = await merchant.get('/v3/certificates');
    expect(answer.headers['wechatpay-serial']).toBe(fresh.serial);
    expect(isSignedBy(fresh.certificate, answer.headers, answer.text)).toBe(true);
    expect(await listed()).toHaveLength(2);

    expect((await emulator.rotate('remove')).certificates).toEqual([fresh.serial]);
    expect(await listed()).toHaveLength(1);
  });

  it('rotates in one go when no phase is named', async () => {
    await start('certificates');
    const old = emulator.platformCertificate.serial;
    const { certificates, signing } = await emulator.rotate();
    expect(certificates).toEqual([signing]);
    expect(signing).not.toBe(old);
  });

  it('in public-key mode has no certificate to list and signs with the public key', async () => {
    await start('public-key');
    const answer = await merchant.get('/v3/certificates');
    expect(answer).toMatchObject({ status: 404, json: { code: 'RESOURCE_NOT_EXISTS' } });
    expect(answer.json['message']).toMatch(
      /^无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。/,
    );
    expect(answer.headers['wechatpay-serial']).toBe(emulator.publicKey.id);
    expect(isSignedBy(emulator.publicKey.key, answer.headers, answer.text)).toBe(true);
    expect(emulator.options().platform).toEqual({
      certificates: false,
      publicKey: { id: emulator.publicKey.id, key: emulator.publicKey.key },
    });
  });

  it('in mode both signs with the key that the request names', async () => {
    await start('both');
    const { id, key } = emulator.publicKey;
    expect(id).toMatch(/^PUB_KEY_ID_0E3A11A7\d{24}$/);
    const named = await merchant.get('/v3/certificates', { headers: { 'wechatpay-serial': id } });
    expect(named.headers['wechatpay-serial']).toBe(id);
    expect(isSignedBy(key, named.headers, named.text)).toBe(true);
    for (const serial of [undefined, emulator.platformCertificate.serial, 'F'.repeat(40)]) {
      const other = await merchant.get('/v3/certificates', {
        headers: { 'wechatpay-serial': serial },
      });
      expect(other.headers['wechatpay-serial']).toBe(emulator.platformCertificate.serial);
    }
  });

  it('ignores the public key id until the migration has been started', async () => {
    await start('both', { publicKeyMigration: false });
    const headers = { 'wechatpay-serial': emulator.publicKey.id };
    const before = await merchant.get('/v3/certificates', { headers });
    expect(before.headers['wechatpay-serial']).toBe(emulator.platformCertificate.serial);
    emulator.setPublicKeyMigration(true);
    const after = await merchant.get('/v3/certificates', { headers });
    expect(after.headers['wechatpay-serial']).toBe(emulator.publicKey.id);
  });

  it.each<EmulatorMode>(['certificates', 'public-key', 'both'])(
    'in mode %s refuses the id of a public key that is not the merchant’s',
    async (mode) => {
      await start(mode);
      const headers = { 'wechatpay-serial': `PUB_KEY_ID_${'1'.repeat(32)}` };
      const answer = await merchant.get('/v3/certificates', { headers });
      expect(answer).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
    },
  );

  it('tells its own time in the Date header', async () => {
    await start('certificates');
    emulator.setClock({ offsetMs: 3_600_000 });
    const answer = await merchant.get('/v3/certificates');
    expect(answer.status).toBe(200);
    const ahead = Date.parse(String(answer.headers.date)) - Date.now();
    expect(Math.abs(ahead - 3_600_000)).toBeLessThan(5000);
  });
});
