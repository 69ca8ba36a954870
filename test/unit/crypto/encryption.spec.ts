import {
  constants,
  createCipheriv,
  createSecretKey,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decryptOaep, encryptOaep, openAead, type AeadBox } from '../../../lib/crypto/index.js';
import { WechatPayDecryptionError } from '../../../lib/errors/index.js';
import { rsaKey } from '../../support/x509.js';

const key = createSecretKey(Buffer.from('testOnly0123456789abcdefghijklmn'));
const other = createSecretKey(randomBytes(32));

function seal(
  plaintext: Buffer,
  nonce = 'abcdefghijkl',
  associatedData = '',
  tagBytes = 16,
): AeadBox {
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from(nonce), { authTagLength: 16 });
  if (associatedData !== '') cipher.setAAD(Buffer.from(associatedData));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const tag = cipher.getAuthTag().subarray(0, tagBytes);
  return { ciphertext: Buffer.concat([sealed, tag]).toString('base64'), nonce, associatedData };
}
function refusal(box: AeadBox, keys = [key]): WechatPayDecryptionError {
  try {
    openAead(box, keys);
  } catch (error) {
    return error as WechatPayDecryptionError;
  }
  throw new Error('was opened');
}

describe('AES-256-GCM', () => {
  it('opens what was sealed, of any content and associated data', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.string({ maxLength: 40 }),
        (array, associatedData) => {
          const box = seal(Buffer.from(array), 'abcdefghijkl', associatedData);
          const { plaintext, keyIndex } = openAead(box, [key]);
          expect(plaintext.equals(Buffer.from(array))).toBe(true);
          expect(keyIndex).toBe(0);
        },
      ),
    );
  });

  it('takes absent and empty associated data for zero bytes', () => {
    const box = seal(Buffer.from('{}'));
    for (const associatedData of ['', undefined]) {
      expect(openAead({ ...box, associatedData }, [key]).plaintext.toString()).toBe('{}');
    }
    expect(refusal({ ...box, associatedData: 'transaction' })).toMatchObject({
      code: 'DECRYPTION_FAILED',
    });
  });

  it('says which key opened it', () => {
    expect(openAead(seal(Buffer.from('x')), [other, key]).keyIndex).toBe(1);
  });

  it.each([0, 4, 8, 12, 13, 14, 15])('refuses a tag cut to %d bytes', (tagBytes) => {
    for (const text of ['', 'x', '{"amount":1,"mchid":"1900000001"}']) {
      expect(refusal(seal(Buffer.from(text), 'abcdefghijkl', '', tagBytes))).toBeInstanceOf(
        WechatPayDecryptionError,
      );
    }
  });

  it('refuses every flipped bit, of content, tag, nonce and associated data', () => {
    const plaintext = Buffer.from('{"out_trade_no":"1","amount":{"total":1}}');
    const box = seal(plaintext, 'abcdefghijkl', 'transaction');
    const bytes = Buffer.from(box.ciphertext, 'base64');
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const copy = Buffer.from(bytes);
        copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(refusal({ ...box, ciphertext: copy.toString('base64') }).code).toBe(
          'DECRYPTION_FAILED',
        );
      }),
    );
    expect(refusal({ ...box, nonce: 'abcdefghijkm' }).code).toBe('DECRYPTION_FAILED');
    expect(refusal({ ...box, associatedData: 'transactioN' }).code).toBe('DECRYPTION_FAILED');
  });

  it.each(['', 'abcdefghijk', 'abcdefghijklm', 'abcdefghij名', 'a'.repeat(1000)])(
    'refuses the nonce %j',
    (nonce) => {
      expect(refusal({ ...seal(Buffer.from('x')), nonce }).message).toContain('malformed');
    },
  );

  it.each(['', 'AAAA', 'not base64 at all', 'A'.repeat(20)])(
    'refuses the ciphertext %j',
    (ciphertext) => {
      expect(refusal({ ...seal(Buffer.from('x')), ciphertext }).code).toBe('DECRYPTION_FAILED');
    },
  );

  it('names the remedy for a wrong key, and no part of key or content', () => {
    for (const keys of [[other], []]) {
      const error = refusal(seal(Buffer.from('secret content')), keys);
      expect(error.message).toMatch(/APIv3密钥.*apiV3Key/);
      expect(error.cause).toBeUndefined();
    }
  });
});

describe('RSA-OAEP', () => {
  const pair = rsaKey('fields');

  it('opens what it encrypted, differently each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        const ciphertext = encryptOaep(text, pair.publicKey);
        expect(decryptOaep(ciphertext, [pair.privateKey])).toEqual({
          text: Buffer.from(text, 'utf8').toString('utf8'),
          keyIndex: 0,
        });
        expect(encryptOaep(text, pair.publicKey)).not.toBe(ciphertext);
      }),
      { numRuns: 20 },
    );
  });

  it('uses SHA-1, as the platform does', () => {
    const options = { key: pair.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING };
    const sha1 = publicEncrypt({ ...options, oaepHash: 'sha1' }, Buffer.from('张三')).toString(
      'base64',
    );
    expect(decryptOaep(sha1, [pair.privateKey]).text).toBe('张三');
    const sha256 = publicEncrypt({ ...options, oaepHash: 'sha256' }, Buffer.from('张三')).toString(
      'base64',
    );
    expect(() => decryptOaep(sha256, [pair.privateKey])).toThrow(WechatPayDecryptionError);
  });

  it('holds 214 bytes with RSA-2048 and 470 with RSA-4096, not characters', () => {
    expect(
      decryptOaep(encryptOaep('a'.repeat(214), pair.publicKey), [pair.privateKey]).text,
    ).toHaveLength(214);
    expect(() => encryptOaep('a'.repeat(215), pair.publicKey)).toThrow(
      /215 bytes long, at most 214/,
    );
    expect(() => encryptOaep('名'.repeat(72), pair.publicKey)).toThrow(RangeError);
    expect(() => encryptOaep('a'.repeat(470), rsaKey('large', 4096).publicKey)).not.toThrow();
  });

  it('tells which of several keys opened it', () => {
    const keys = [rsaKey('somebody'), rsaKey('somebody-else'), pair].map((each) => each.privateKey);
    expect(decryptOaep(encryptOaep('x', pair.publicKey), keys)).toEqual({ text: 'x', keyIndex: 2 });
  });

  it('refuses text for another key, damaged text and no text', () => {
    const ciphertext = encryptOaep('x', rsaKey('somebody').publicKey);
    for (const text of [ciphertext, `${ciphertext.slice(0, -8)}AAAAAA==`, '', 'AAAA']) {
      expect(() => decryptOaep(text, [pair.privateKey])).toThrow(
        expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
      );
    }
  });

  it('says that a remote signer cannot open what is encrypted for its key', () => {
    const ciphertext = encryptOaep('x', pair.publicKey);
    expect(() => decryptOaep(ciphertext, [])).toThrow(
      expect.objectContaining({
        code: 'DECRYPTION_FAILED',
        message: expect.stringContaining('whose private key a remote signer holds'),
      }),
    );
  });

  it('never encrypts with a key that is not RSA', () => {
    expect(() => encryptOaep('x', createSecretKey(Buffer.alloc(32)))).toThrow(RangeError);
  });
});
