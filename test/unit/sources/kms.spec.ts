import { createHash, privateEncrypt, verify } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import {
  fromEnv,
  fromKms,
  fromValue,
  kmsSigner,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  type CredentialField,
  type KmsDecryptClient,
  type KmsSignClient,
} from 'nestjs-wechatpay';
import { Subject } from 'rxjs';
import { Secrets } from '../../support/secrets.js';
import { rsaKey } from '../../support/x509.js';

const { signal } = new AbortController();
const plaintext = 'hunter2-plaintext';
const ciphertext = Buffer.from('hunter2-ciphertext').toString('base64');
const secrets = new Secrets([plaintext, ciphertext, 'hunter2']);

type Decrypt = KmsDecryptClient['decrypt'];

function fakeKms(decrypt: Decrypt): { decrypt: jest.Mock<Decrypt> } {
  return { decrypt: jest.fn(decrypt) };
}

const good = (): { decrypt: jest.Mock<Decrypt> } =>
  fakeKms(() => Promise.resolve({ Plaintext: Buffer.from(plaintext) }));

async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WechatPayCertificateError);
  expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' });
  secrets.expectNoneInError(error);
  return (error as Error).message;
}

/** An error as the SDK throws it, with everything in it that must not be shown. */
function awsError(name: string): Error {
  return Object.assign(new Error(`hunter2 ${plaintext} ${ciphertext}`), {
    name,
    $response: { body: plaintext },
  });
}

describe('a field that a KMS decrypts', () => {
  it.each<[string, string | Buffer | CredentialField<string | Buffer>]>([
    ['Base64 text', ciphertext],
    ['Base64 text with line breaks', `${ciphertext.slice(0, 8)}\n${ciphertext.slice(8)}\n`],
    ['bytes', Buffer.from('hunter2-ciphertext')],
    ['a field of text', fromEnv('IT', { IT: ciphertext })],
    ['a field of bytes', fromValue(Buffer.from('hunter2-ciphertext'))],
    ['a field of the bytes of a text', fromValue(Buffer.from(`${ciphertext}\n`))],
  ])('is sent as bytes when it is kept as %s', async (_kind, kept) => {
    const client = good();
    expect(String(await fromKms({ client, ciphertext: kept }).load(signal))).toBe(plaintext);
    expect(client.decrypt).toHaveBeenCalledWith(
      { CiphertextBlob: Buffer.from('hunter2-ciphertext') },
      { abortSignal: expect.any(AbortSignal) },
    );
  });

  it('names key and context when they are given', async () => {
    const client = good();
    const encryptionContext = { shop: 'b' };
    await fromKms({ client, ciphertext, keyId: 'alias/pay', encryptionContext }).load(signal);
    expect(client.decrypt.mock.calls[0]?.[0]).toMatchObject({
      KeyId: 'alias/pay',
      EncryptionContext: { shop: 'b' },
    });
  });

  it('calls the client as a method', async () => {
    class Client {
      readonly text = plaintext;
      decrypt(): Promise<{ Plaintext: Uint8Array }> {
        return Promise.resolve({ Plaintext: new TextEncoder().encode(this.text) });
      }
    }
    expect(String(await fromKms({ client: new Client(), ciphertext }).load(signal))).toBe(
      plaintext,
    );
  });

  it('delivers the memory of the answer, so that overwriting it overwrites all', async () => {
    const answer = new Uint8Array(Buffer.from(`..${plaintext}..`)).subarray(2, -2);
    const client = fakeKms(() => Promise.resolve({ Plaintext: answer }));
    (await fromKms({ client, ciphertext }).load(signal)).fill(0);
    expect([...answer]).toEqual(Array.from({ length: plaintext.length }, () => 0));
  });

  it('changes when its ciphertext does', () => {
    const changes = new Subject<void>();
    const kept = { load: () => Promise.resolve(ciphertext), changes };
    expect(fromKms({ client: good(), ciphertext: kept }).changes).toBe(changes);
    expect(fromKms({ client: good(), ciphertext }).changes).toBeUndefined();
  });

  it.each([
    ['AccessDeniedException', /allow this process the action in the key policy/],
    ['InvalidCiphertextException', /encrypt it again/],
    ['NotFoundException', /check the key id and the region/],
    ['DisabledException', /enable the key/],
    ['TimeoutError', /check the client, its region and its network/],
  ])('names the remedy of %s and nothing else of it', async (name, remedy) => {
    const client = fakeKms(() => Promise.reject(awsError(name)));
    const message = await failureOf(fromKms({ client, ciphertext }).load(signal));
    expect(message).toMatch(new RegExp(`^KMS Decrypt failed \\(${name}\\): `));
    expect(message).toMatch(remedy);
  });

  it.each([undefined, null, plaintext, { name: plaintext, code: `${plaintext} 1` }])(
    'says nothing of a thrown %j',
    async (thrown) => {
      const client = fakeKms(() => Promise.reject(thrown as unknown as Error));
      expect(await failureOf(fromKms({ client, ciphertext }).load(signal))).toMatch(
        /^KMS Decrypt failed \(unknown error\)/,
      );
    },
  );

  it('reports a client that throws at once', async () => {
    const client = fakeKms(() => {
      throw awsError('TypeError');
    });
    expect(await failureOf(fromKms({ client, ciphertext }).load(signal))).toMatch(/TypeError/);
  });

  it.each([
    undefined,
    null,
    plaintext,
    {},
    { Plaintext: plaintext },
    { Plaintext: new Uint8Array(0) },
    { Plaintext: Buffer.alloc(65_537) },
    { Plaintext: [104, 117] },
  ])('refuses an answer without plaintext', async (answer) => {
    const client = fakeKms(() => Promise.resolve(answer as { Plaintext: Uint8Array }));
    expect(await failureOf(fromKms({ client, ciphertext }).load(signal))).toMatch(
      /answered no Plaintext of up to 64 KiB/,
    );
  });

  it.each(['', 'not base64!', 'x'.repeat(65_537), undefined, 7])(
    'refuses the ciphertext %.20j at once, without a word of it',
    (kept) => {
      expect(() => fromKms({ client: good(), ciphertext: kept as string })).toThrow(
        WechatPayConfigurationError,
      );
    },
  );

  it.each(['', 'not base64: hunter2', undefined])(
    'refuses the ciphertext %j that a field delivers',
    async (kept) => {
      const field = fromKms({ client: good(), ciphertext: fromValue(kept as string) });
      expect(await failureOf(field.load(signal))).toMatch(/the ciphertext is /);
    },
  );

  it.each([undefined, {}, { send: () => undefined }])('refuses the client %j', (client) => {
    expect(() => fromKms({ client: client as unknown as KmsDecryptClient, ciphertext })).toThrow(
      /fromKms needs a client with decrypt/,
    );
  });

  it('gives up on a client that does not answer, tells it so and overwrites what comes late', async () => {
    const late = Buffer.from(plaintext);
    let answer: (answered: { Plaintext: Buffer }) => void = () => undefined;
    const client = fakeKms(() => new Promise((resolve) => (answer = resolve)));
    const message = await failureOf(fromKms({ client, ciphertext, timeoutMs: 20 }).load(signal));
    expect(message).toBe(
      "KMS Decrypt took longer than 20 ms: check the client's region and network",
    );
    expect(client.decrypt.mock.calls[0]?.[1]?.abortSignal?.aborted).toBe(true);
    answer({ Plaintext: late });
    await new Promise((done) => setImmediate(done));
    expect(late).toEqual(Buffer.alloc(late.length));
  });

  it.each([undefined, Number.NaN])(
    'waits five seconds and no longer with %s',
    async (timeoutMs) => {
      jest.useFakeTimers();
      try {
        const client = fakeKms(() => new Promise(() => undefined));
        const failure = failureOf(fromKms({ client, ciphertext, timeoutMs }).load(signal));
        await jest.advanceTimersByTimeAsync(4_999);
        expect(client.decrypt.mock.calls[0]?.[1]?.abortSignal?.aborted).toBe(false);
        await jest.advanceTimersByTimeAsync(1);
        expect(await failure).toMatch(/longer than 5000 ms/);
      } finally {
        jest.useRealTimers();
      }
    },
  );

  it('ends with the load that it is for', async () => {
    const controller = new AbortController();
    const client = fakeKms(() => new Promise(() => undefined));
    const loading = fromKms({ client, ciphertext }).load(controller.signal);
    controller.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
    await expect(fromKms({ client, ciphertext }).load(controller.signal)).rejects.toThrow('enough');
    expect(client.decrypt.mock.calls.length).toBeLessThanOrEqual(1);
  });
});

describe('a signer of a KMS', () => {
  const { privateKey, publicKey } = rsaKey('kms');
  const keyId = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd';
  /** Signs a digest as KMS does: the prefix says SHA-256. */
  const signDigest: KmsSignClient['sign'] = ({ Message }) => {
    const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex');
    const info = Buffer.concat([prefix, Message]);
    return Promise.resolve({ Signature: new Uint8Array(privateEncrypt(privateKey, info)) });
  };

  it('makes signatures of messages of any length', async () => {
    const client = { sign: jest.fn(signDigest) };
    for (const length of [0, 1, 4_097, 100_000]) {
      const message = Buffer.alloc(length, 7);
      const signature = await kmsSigner({ client, keyId }).sign(message, signal);
      expect(verify('sha256', message, publicKey, signature)).toBe(true);
      expect(client.sign).toHaveBeenLastCalledWith(
        {
          KeyId: keyId,
          Message: createHash('sha256').update(message).digest(),
          MessageType: 'DIGEST',
          SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256',
        },
        { abortSignal: expect.any(AbortSignal) },
      );
    }
  });

  it.each([
    undefined,
    {},
    { Signature: 'text' },
    { Signature: new Uint8Array(255) },
    { Signature: new Uint8Array(513) },
  ])('refuses an answer that is no signature', async (answer) => {
    const client = { sign: () => Promise.resolve(answer as { Signature: Uint8Array }) };
    expect(await failureOf(kmsSigner({ client, keyId }).sign(Buffer.from('x'), signal))).toMatch(
      /answered no signature of 256 to 512 bytes/,
    );
  });

  it('names the remedy when it is denied', async () => {
    const client = { sign: () => Promise.reject(awsError('AccessDeniedException')) };
    expect(await failureOf(kmsSigner({ client, keyId }).sign(Buffer.from('x'), signal))).toMatch(
      /^KMS Sign failed \(AccessDeniedException\): allow/,
    );
  });

  it('gives up on a client that does not answer, and when the call ends', async () => {
    const client: KmsSignClient = { sign: () => new Promise(() => undefined) };
    const slow = kmsSigner({ client, keyId, timeoutMs: 20 });
    expect(await failureOf(slow.sign(Buffer.from('x'), signal))).toMatch(/longer than 20 ms/);
    const controller = new AbortController();
    const signing = kmsSigner({ client, keyId }).sign(Buffer.from('x'), controller.signal);
    controller.abort(new Error('enough'));
    await expect(signing).rejects.toThrow('enough');
  });

  it('refuses a client and a key id that are none, together', () => {
    const make = (): unknown => kmsSigner({ client: {} as KmsSignClient, keyId: '' });
    expect(make).toThrow(/needs a client with sign/);
    expect(make).toThrow(/needs keyId/);
  });
});
