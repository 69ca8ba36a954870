import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  createNonce,
  platformMessage,
  requestMessage,
  signSha256,
  verifySha256,
} from '../../../lib/crypto/index.js';
import { ecKey, rsaKey } from '../../support/x509.js';

const key = rsaKey('signatures');
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

describe('the message of a request', () => {
  it('is laid out as the platform’s own example of 66 bytes', () => {
    const text = requestMessage(
      'GET',
      '/v3/certificates',
      '1554208460',
      '593BEC0C930BF1AFEB40B4A08C8FB242',
      '',
    );
    expect(Buffer.byteLength(text)).toBe(66);
    expect(text).toBe('GET\n/v3/certificates\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n');
  });

  it('ends every line with LF, also after a body that ends in one', () => {
    expect(requestMessage('POST', '/x?a=1', '1', 'n', '{}\n')).toBe('POST\n/x?a=1\n1\nn\n{}\n\n');
  });
});

describe('the message of the platform', () => {
  it('ends in two LFs when there is no body', () => {
    expect(platformMessage('1', 'n', Buffer.alloc(0)).toString()).toBe('1\nn\n\n');
  });

  it('holds the raw bytes, whatever they are', () => {
    fc.assert(
      fc.property(bytes, (body) => {
        const expected = Buffer.concat([
          Buffer.from('1700000000\nnonce\n'),
          body,
          Buffer.from('\n'),
        ]);
        expect(platformMessage('1700000000', 'nonce', body).equals(expected)).toBe(true);
      }),
    );
  });
});

describe('signatures', () => {
  it('made here verify here, as one line of 344 characters', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, async (message) => {
        const signature = await signSha256(message, key.privateKey);
        expect(signature).toMatch(/^[A-Za-z0-9+/]{342}==$/);
        expect(verifySha256(message, signature, key.publicKey)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('made elsewhere verify, of RSA-3072 and RSA-4096 too', () => {
    for (const bits of [2048, 3072, 4096]) {
      const pair = rsaKey('other', bits);
      const message = Buffer.from('1\nn\n{}\n');
      const signature = sign('sha256', message, pair.privateKey).toString('base64');
      expect(verifySha256(message, signature, pair.publicKey)).toBe(true);
      expect(verifySha256(message, signature, key.publicKey)).toBe(false);
    }
  });

  it('do not survive a changed bit, in the message or in themselves', async () => {
    const message = Buffer.from('1700000000\nnonce\n{"a":1}\n');
    const signature = await signSha256(message, key.privateKey);
    const flip = (source: Buffer, bit: number): Buffer => {
      const copy = Buffer.from(source);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return copy;
    };
    fc.assert(
      fc.property(fc.nat(message.length * 8 - 1), fc.nat(2047), (inMessage, inSignature) => {
        const changed = flip(Buffer.from(signature, 'base64'), inSignature).toString('base64');
        expect(verifySha256(flip(message, inMessage), signature, key.publicKey)).toBe(false);
        expect(verifySha256(message, changed, key.publicKey)).toBe(false);
      }),
    );
  });

  it('are refused without a throw when they are not strict Base64 of the right length', async () => {
    const message = Buffer.from('m');
    const signature = await signSha256(message, key.privateKey);
    const urlSafe = `-_${signature.slice(2)}`;
    for (const text of [
      '',
      ' ',
      signature.slice(0, -1),
      `${signature} `,
      ` ${signature.slice(1)}`,
      `${signature}\n`,
      signature.replace('==', ''),
      `${signature.slice(0, 340)}====`,
      urlSafe,
      `${signature.slice(0, 343)}名`,
      `WECHATPAY/SIGNTEST/${'A'.repeat(325)}`,
      `${signature}${signature}`,
      `${'A'.repeat(343)}=`,
    ]) {
      expect(verifySha256(message, text, key.publicKey)).toBe(false);
    }
    fc.assert(
      fc.property(
        fc.string({ maxLength: 400 }),
        (text) => !verifySha256(message, text, key.publicKey),
      ),
    );
  });

  it('never verify with a key that is not RSA', async () => {
    const signature = await signSha256(Buffer.from('m'), key.privateKey);
    expect(verifySha256(Buffer.from('m'), signature, ecKey().publicKey)).toBe(false);
    expect(verifySha256(Buffer.from('m'), '', ecKey().publicKey)).toBe(false);
  });

  it('reject when the key cannot sign', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    await expect(signSha256(Buffer.from('m'), privateKey)).rejects.toBeDefined();
    await expect(signSha256(Buffer.from('m'), key.publicKey)).rejects.toBeDefined();
  });
});

describe('nonces', () => {
  it('are 32 upper-case hexadecimal characters, never the same', () => {
    const nonces = Array.from({ length: 1000 }, createNonce);
    for (const nonce of nonces) expect(nonce).toMatch(/^[0-9A-F]{32}$/);
    expect(new Set(nonces).size).toBe(1000);
  });
});
