import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { Merchant, send } from './support/merchant.js';

const path = '/v3/certificates';

describe('Certificates of a merchant', () => {
  let emulator: WechatPayEmulator;
  let before: Merchant;

  beforeEach(async () => {
    emulator = await WechatPayEmulator.start();
    before = new Merchant(emulator);
  });

  afterEach(() => emulator.close());

  const control = (method: string, place: string) =>
    send(emulator.url, {
      method,
      path: `/emulator/merchants/${place}`,
      headers: { 'content-type': 'application/json' },
      ...(method === 'POST' && { body: '{}' }),
    });

  it('sign side by side once there is another one', async () => {
    const added = await emulator.addMerchantCertificate();
    const after = new Merchant(emulator);
    expect(after.serial).toBe(added.serial);
    expect(after.serial).not.toBe(before.serial);
    expect((await before.get(path)).status).toBe(200);
    expect((await after.get(path)).status).toBe(200);
  });

  it('are pairs: the key of one does not sign for the serial of another', async () => {
    await emulator.addMerchantCertificate();
    const after = new Merchant(emulator);
    const crossed = await after.get(path, { serial: before.serial });
    expect(crossed).toMatchObject({ status: 401, json: { code: 'SIGN_ERROR' } });
  });

  it('are made for the merchant, and kept with its files', async () => {
    const { serial, certificate, certificatePath, privateKeyPath, privateKey } =
      await emulator.addMerchantCertificate();
    const parsed = new X509Certificate(await readFile(certificatePath, 'utf8'));
    expect(parsed.toString().trim()).toBe(certificate.trim());
    expect(parsed.serialNumber).toBe(serial);
    expect(parsed.subject).toContain(`CN=${emulator.mchid}`);
    expect(await readFile(privateKeyPath, 'utf8')).toBe(privateKey);
    expect(parsed.checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
    expect(emulator.options().credential).toEqual({
      privateKey,
      certificate,
      apiV3Key: emulator.apiV3Key,
    });
  });

  it('end: what the removed one signs is refused, the other one goes on', async () => {
    await emulator.addMerchantCertificate();
    const after = new Merchant(emulator);
    emulator.removeMerchantCertificate(before.serial);
    expect(await before.get(path)).toMatchObject({ status: 401, json: { code: 'SIGN_ERROR' } });
    expect((await after.get(path)).status).toBe(200);
    expect(emulator.merchantCertificates().map(({ serial }) => serial)).toEqual([after.serial]);
  });

  it('fall back to the one before when the newest is removed', async () => {
    const { serial } = await emulator.addMerchantCertificate();
    emulator.removeMerchantCertificate(serial.toLowerCase());
    expect(new Merchant(emulator).serial).toBe(before.serial);
  });

  it('belong to one merchant', async () => {
    const other = await emulator.addMerchant();
    const { serial } = await emulator.addMerchantCertificate(other.mchid);
    expect(emulator.merchantCertificates()).toHaveLength(1);
    expect(new Merchant(emulator, other.mchid).serial).toBe(serial);
    const asOther = await before.get(path, { serial });
    expect(asOther.status).toBe(401);
  });

  it('are all different when they are asked for at once', async () => {
    const added = await Promise.all([1, 2, 3].map(() => emulator.addMerchantCertificate()));
    expect(new Set([before.serial, ...added.map(({ serial }) => serial)]).size).toBe(4);
  });

  it('cannot be removed down to none, nor those of nobody', async () => {
    expect(() => emulator.removeMerchantCertificate(before.serial)).toThrow('the only certificate');
    expect(() => emulator.removeMerchantCertificate('AB')).toThrow('no certificate AB');
    expect(() => emulator.merchantCertificates('1')).toThrow('no merchant 1');
    await expect(emulator.addMerchantCertificate('1')).rejects.toThrow('no merchant 1');
    await expect(emulator.addMerchantCertificate()).resolves.toBeDefined();
  });

  describe('over the control interface', () => {
    it('are added, listed and removed, and no key is in an answer', async () => {
      const place = `${emulator.mchid}/certificates`;
      const added = await control('POST', place);
      const [, newest] = emulator.merchantCertificates();
      expect(added).toMatchObject({
        status: 201,
        json: {
          serial: newest?.serial,
          privateKeyPath: expect.stringMatching(/apiclient_key\.pem$/),
          certificatePath: expect.stringMatching(/apiclient_cert\.pem$/),
        },
      });
      const listed = await control('GET', place);
      expect(listed.json['certificates']).toMatchObject([
        { serial: before.serial },
        { serial: newest?.serial },
      ]);
      const removed = await control('DELETE', `${place}/${before.serial}`);
      expect(removed.status).toBe(200);
      expect(removed.json['certificates']).toMatchObject([{ serial: newest?.serial }]);
      for (const { text } of [added, listed, removed]) expect(text).not.toContain('PRIVATE KEY');
    });

    it.each([
      ['POST', '1/certificates'],
      ['GET', '1/certificates'],
      ['DELETE', '1900000001/certificates/AB'],
    ])('answer 400 to %s %s, which nobody has', async (method, place) => {
      expect(await control(method, place)).toMatchObject({
        status: 400,
        json: { code: 'BAD_REQUEST' },
      });
    });

    it('are out of reach of other web pages', async () => {
      const answer = await send(emulator.url, {
        method: 'DELETE',
        path: `/emulator/merchants/${emulator.mchid}/certificates/${before.serial}`,
        headers: { origin: 'http://evil.example' },
      });
      expect(answer.status).toBe(403);
    });
  });
});
