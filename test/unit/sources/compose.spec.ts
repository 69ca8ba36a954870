import { KeyObject } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import {
  credentialFrom,
  fromEnv,
  fromFile,
  fromKms,
  fromValue,
  WechatPayCertificateError,
  WechatPayConfigurationError,
  type CredentialField,
  type CredentialFields,
  type CredentialInput,
} from 'nestjs-wechatpay';
import { Subject, type Observable } from 'rxjs';
import { Secrets } from '../../support/secrets.js';
import { ecKey, makeCertificate, rsaKey } from '../../support/x509.js';

const { signal } = new AbortController();
const pair = rsaKey('merchant');
const certificate = makeCertificate(pair);
const pkcs8 = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const pkcs1 = String(pair.privateKey.export({ type: 'pkcs1', format: 'pem' }));
const apiV3Key = 'k'.repeat(32);
const secrets = new Secrets([pkcs8, apiV3Key, 'hunter2']);

async function failureOf(fields: CredentialFields): Promise<string> {
  const error: unknown = await credentialFrom(fields)
    .load(signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WechatPayCertificateError);
  expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', isRetryable: true });
  secrets.expectNoneInError(error);
  return (error as Error).message;
}

const failing = (error: unknown): CredentialField<string> => ({
  load: () => Promise.reject(error as Error),
});

describe('a credential made of fields', () => {
  it('delivers values as they are', async () => {
    const source = credentialFrom({
      privateKey: pkcs8,
      certificate,
      serialNo: ' ABC\n',
      apiV3Key,
      previousApiV3Keys: ['p'.repeat(32)],
    });
    expect(await source.load(signal)).toEqual({
      privateKey: pkcs8,
      signer: undefined,
      certificate: certificate.trim(),
      serialNo: 'ABC',
      apiV3Keys: [apiV3Key, 'p'.repeat(32)],
    });
    expect(source.changes).toBeUndefined();
  });

  it('loads its fields side by side', async () => {
    let waiting = 0;
    const together: Subject<void> = new Subject();
    const field = (value: string): CredentialField<string> => ({
      load: () =>
        new Promise((resolve) => {
          together.subscribe(() => resolve(value));
          if (++waiting === 4) together.next();
        }),
    });
    const source = credentialFrom({
      privateKey: field(pkcs8),
      certificate: field(certificate),
      apiV3Key: field(apiV3Key),
      previousApiV3Keys: [field('p'.repeat(32))],
    });
    expect(await source.load(signal)).toMatchObject({ apiV3Keys: [apiV3Key, 'p'.repeat(32)] });
  });

  it('carries a signer in place of a private key', async () => {
    const signer = { sign: () => Promise.resolve(new Uint8Array(256)) };
    const source = credentialFrom({ signer, serialNo: fromValue('ABC'), apiV3Key });
    expect(await source.load(signal)).toMatchObject({ signer, privateKey: undefined });
  });

  it('takes a key that is parsed already', async () => {
    const source = credentialFrom({
      privateKey: fromValue(pair.privateKey),
      certificate,
      apiV3Key,
    });
    expect((await source.load(signal)).privateKey).toBe(pair.privateKey);
  });

  it('drops the white space and the byte order mark that files have around an APIv3 key', async () => {
    const source = credentialFrom({
      privateKey: pkcs8,
      certificate: Buffer.from(certificate),
      apiV3Key: fromValue(Buffer.from(`\uFEFF${apiV3Key}\r\n`)),
    });
    const material = await source.load(signal);
    expect(material.apiV3Keys).toEqual([apiV3Key]);
    expect(String(material.certificate)).toBe(certificate);
  });

  it.each<[string, Buffer]>([
    ['PKCS#8 PEM', Buffer.from(pkcs8)],
    ['PKCS#1 PEM', Buffer.from(pkcs1)],
    ['PKCS#8 DER', pair.privateKey.export({ type: 'pkcs8', format: 'der' })],
    ['PKCS#1 DER', pair.privateKey.export({ type: 'pkcs1', format: 'der' })],
    ['escaped line breaks', Buffer.from(pkcs8.replaceAll('\n', '\\n'))],
    ['bare Base64', Buffer.from(pkcs8.replace(/-----.*-----/g, ''))],
    ['a byte order mark', Buffer.from(`\uFEFF${pkcs8}`)],
  ])(
    'parses a private key that arrives as bytes, %s, and overwrites them',
    async (_form, bytes) => {
      const key = Buffer.from(bytes);
      const v3 = Buffer.from(apiV3Key);
      const material = await credentialFrom({
        privateKey: { load: () => Promise.resolve(key) },
        certificate,
        apiV3Key: { load: () => Promise.resolve(v3) },
      }).load(signal);
      expect(material.privateKey).toBeInstanceOf(KeyObject);
      expect((material.privateKey as KeyObject).equals(pair.privateKey)).toBe(true);
      expect(material.apiV3Keys).toEqual([apiV3Key]);
      expect(key).toEqual(Buffer.alloc(key.length));
      expect(v3).toEqual(Buffer.alloc(v3.length));
    },
  );

  it('parses and overwrites the bytes of a view on other memory, and nothing beside them', async () => {
    const memory = new Uint8Array(pkcs8.length + 2).fill(7);
    memory.set(Buffer.from(pkcs8), 1);
    const view = memory.subarray(1, -1);
    const privateKey = { load: () => Promise.resolve(view as Buffer) };
    const material = await credentialFrom({ privateKey, certificate, apiV3Key }).load(signal);
    expect((material.privateKey as KeyObject).equals(pair.privateKey)).toBe(true);
    expect([...new Set(view)]).toEqual([0]);
    expect([memory[0], memory.at(-1)]).toEqual([7, 7]);
  });

  it('has no text of an APIv3 key that arrives as a parsed key', async () => {
    const parsed = { load: () => Promise.resolve(pair.privateKey as unknown as string) };
    const source = credentialFrom({ privateKey: pkcs8, certificate, apiV3Key: parsed });
    expect((await source.load(signal)).apiV3Keys).toEqual(['']);
  });

  it('fails with an error when its load is aborted, whatever the reason given', async () => {
    const controller = new AbortController();
    const privateKey = { load: () => new Promise<string>(() => undefined) };
    const loading = credentialFrom({ privateKey, certificate, apiV3Key }).load(controller.signal);
    controller.abort('hunter2');
    await expect(loading).rejects.toThrow(new Error('The load was aborted'));
  });

  it('leaves no plaintext of a KMS in its answer', async () => {
    const answers: Uint8Array[] = [];
    const client = {
      decrypt: ({ CiphertextBlob }: { CiphertextBlob: Uint8Array }) => {
        const Plaintext = new Uint8Array(CiphertextBlob);
        answers.push(Plaintext);
        return Promise.resolve({ Plaintext });
      },
    };
    const source = credentialFrom({
      privateKey: fromKms({ client, ciphertext: Buffer.from(pkcs8) }),
      certificate,
      apiV3Key: fromKms({ client, ciphertext: Buffer.from(apiV3Key).toString('base64') }),
    });
    expect(await source.load(signal)).toMatchObject({ apiV3Keys: [apiV3Key] });
    expect(answers).toHaveLength(2);
    expect(answers.every((answer) => answer.every((byte) => byte === 0))).toBe(true);
  });

  it('overwrites what was delivered also when another field fails', async () => {
    const key = Buffer.from(pkcs8);
    await failureOf({
      privateKey: { load: () => Promise.resolve(key) },
      certificate,
      apiV3Key: failing(new Error('no')),
    });
    expect(key).toEqual(Buffer.alloc(key.length));
  });

  it('leaves the bytes of a plain value alone', async () => {
    const key = Buffer.from(pkcs8);
    const source = credentialFrom({ privateKey: key, certificate, apiV3Key });
    await source.load(signal);
    await source.load(signal);
    expect(String(key)).toBe(pkcs8);
  });

  describe('names what failed', () => {
    it('with the remedy of the field', async () => {
      expect(await failureOf({ privateKey: pkcs8, certificate, apiV3Key: fromEnv('V3', {}) })).toBe(
        'The credential cannot be loaded: credential.apiV3Key (APIv3密钥): the environment variable V3 is missing or empty: set it',
      );
    });

    it('all of it', async () => {
      const message = await failureOf({
        privateKey: fromFile('/absent/key.pem'),
        certificate: fromEnv('CERTIFICATE', {}),
        serialNo: failing(new Error('no')),
        apiV3Key,
        previousApiV3Keys: [failing(new TypeError('no'))],
      });
      expect(message.split('\n').slice(1)).toEqual([
        expect.stringMatching(
          / - credential.privateKey \(商户API私钥\): the file \/absent\/key.pem/,
        ),
        expect.stringMatching(/ - credential.certificate \(商户API证书\): the environment/),
        expect.stringMatching(/ - credential.serialNo \(.*\): its source failed \(Error\)$/),
        expect.stringMatching(/ - credential.previousApiV3Keys\[0\]: .* \(TypeError\)$/),
      ]);
    });

    it.each([
      [
        Object.assign(new Error(`hunter2 ${pkcs8}`), { code: 'ECONNREFUSED' }),
        'Error ECONNREFUSED',
      ],
      [`hunter2 ${apiV3Key}`, 'unknown error'],
      [undefined, 'unknown error'],
      [{ name: `${apiV3Key} hunter2`, code: { hunter2: 1 } }, 'unknown error'],
    ])('of a foreign error no more than its name and code', async (error, kind) => {
      expect(await failureOf({ privateKey: failing(error), certificate, apiV3Key })).toBe(
        `The credential cannot be loaded: credential.privateKey (商户API私钥): its source failed (${kind})`,
      );
    });

    it.each([undefined, null, 7, {}, [], true])('when a source delivers %j', async (value) => {
      const privateKey = { load: () => Promise.resolve(value as unknown as string) };
      expect(await failureOf({ privateKey, certificate, apiV3Key })).toMatch(
        /its source delivered neither text nor bytes$/,
      );
    });

    it.each(['x'.repeat(65_537), Buffer.alloc(65_537, 1)])(
      'when a source delivers more than 64 KiB',
      async (value) => {
        const privateKey = { load: () => Promise.resolve(value) };
        expect(await failureOf({ privateKey, certificate, apiV3Key })).toMatch(
          /it is longer than 64 KiB$/,
        );
      },
    );

    it.each<[string, string | Buffer, RegExp]>([
      ['a certificate', certificate, /is a certificate: give apiclient_key.pem/],
      ['a half-written key', pkcs8.slice(0, 800), /is cut off: its -----END line is missing/],
      ['nothing', '', /is empty/],
      [
        'an EC key',
        ecKey().privateKey.export({ type: 'pkcs8', format: 'pem' }),
        /is of type ec: an RSA key is needed/,
      ],
      [
        'a short key',
        rsaKey('short', 1024).privateKey.export({ type: 'pkcs8', format: 'pem' }),
        /is RSA-1024: at least 2048 bits/,
      ],
      [
        'a key with a password',
        pair.privateKey.export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'hunter2',
        }),
        /is protected by a password/,
      ],
    ])('when the bytes of a private key are %s', async (_kind, text, problem) => {
      const bytes = Buffer.from(text);
      const privateKey = { load: () => Promise.resolve(bytes) };
      const message = await failureOf({ privateKey, certificate, apiV3Key });
      expect(message).toMatch(/^credential.privateKey \(商户API私钥\) /);
      expect(message).toMatch(problem);
      expect(bytes).toEqual(Buffer.alloc(bytes.length));
    });
  });

  it('ends with its signal, tells its fields and overwrites what comes late', async () => {
    const controller = new AbortController();
    let deliver: (bytes: Buffer) => void = () => undefined;
    let told: AbortSignal | undefined;
    const source = credentialFrom({
      privateKey: {
        load: (own) => {
          told = own;
          return new Promise((resolve) => (deliver = resolve));
        },
      },
      certificate,
      apiV3Key,
    });
    const loading = source.load(controller.signal);
    await Promise.resolve();
    controller.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
    expect(told?.aborted).toBe(true);
    const late = Buffer.from(pkcs8);
    deliver(late);
    await new Promise((done) => setImmediate(done));
    expect(late).toEqual(Buffer.alloc(late.length));
  });

  it.each<[string, Partial<CredentialFields>, RegExp]>([
    ['no key', { certificate, apiV3Key }, /give credential.privateKey .* or credential.signer/],
    [
      'a key and a signer',
      {
        privateKey: pkcs8,
        signer: { sign: () => Promise.resolve(Buffer.alloc(0)) },
        certificate,
        apiV3Key,
      },
      /one of them/,
    ],
    [
      'a signer that is none',
      { signer: {} as CredentialFields['signer'], certificate, apiV3Key },
      /must have sign/,
    ],
    [
      'no certificate',
      { privateKey: pkcs8, apiV3Key },
      /give credential.certificate .* or credential.serialNo/,
    ],
    [
      'no APIv3 key',
      { privateKey: pkcs8, certificate },
      /credential.apiV3Key \(APIv3密钥\) is missing/,
    ],
  ])('is refused with %s', (_what, fields, problem) => {
    const make = (): unknown => credentialFrom(fields as CredentialFields);
    expect(make).toThrow(WechatPayConfigurationError);
    expect(make).toThrow(problem);
  });
});

describe('the changes of a credential made of fields', () => {
  const field = (changes?: Observable<unknown>): CredentialInput => ({
    load: () => Promise.resolve('x'),
    changes,
  });

  it('are those of its fields, several within 200 ms as one', async () => {
    jest.useFakeTimers();
    try {
      const [key, pem] = [new Subject<void>(), new Subject<void>()];
      const source = credentialFrom({
        privateKey: field(key),
        certificate: field(pem),
        apiV3Key: field(),
      });
      const seen = jest.fn();
      const subscription = source.changes?.subscribe(seen);
      key.next();
      await jest.advanceTimersByTimeAsync(100);
      pem.next();
      key.next();
      expect(seen).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(100);
      expect(seen).toHaveBeenCalledTimes(1);
      await jest.advanceTimersByTimeAsync(1_000);
      expect(seen).toHaveBeenCalledTimes(1);
      pem.next();
      await jest.advanceTimersByTimeAsync(200);
      expect(seen).toHaveBeenCalledTimes(2);
      subscription?.unsubscribe();
      expect([key.observed, pem.observed]).toEqual([false, false]);
    } finally {
      jest.useRealTimers();
    }
  });

  it.each(['completes', 'fails'])('end when one of the watches %s, for a new start', (how) => {
    const [key, pem] = [new Subject<void>(), new Subject<void>()];
    const source = credentialFrom({ privateKey: field(key), certificate: field(pem), apiV3Key });
    const seen: string[] = [];
    source.changes?.subscribe({
      complete: () => seen.push('completes'),
      error: () => seen.push('fails'),
    });
    if (how === 'fails') key.error(new Error('lost'));
    else key.complete();
    expect(seen).toEqual([how]);
    expect(pem.observed).toBe(false);
  });
});
