import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WechatPayEmulator, type EmulatorSignedNotification } from 'nestjs-wechatpay-emulator';
import { WechatPayError } from '../../lib/errors/index.js';
import {
  openNotification,
  verifyNotification,
  type NotificationReceiver,
} from '../../lib/notification/receive.js';
import { NotificationTally } from '../../lib/notification/index.js';
import type { ReceivedNotification } from '../../lib/notification/received-notification.js';
import { paidNotification } from '../support/notifications.js';

/** How many of each kind are tried; `npm run test:mutations` tries a million. */
const RUNS = Number(process.env['MUTATIONS'] ?? 20_000);
const LIMIT_MS = 60_000 + 5 * RUNS;
/** What is compiled and cached at first stays, and is not measured. */
const FIRST_RUNS = 2_000;
/** Memory is flat when no more is left than this, however many there were. */
const GROWTH_BYTES = 4 * 1024 * 1024;

type Headers = Record<string, string | string[]>;
interface Sent {
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Signs what no platform would. Short, as a million are signed; nothing here depends on its length. */
const signer = generateKeyPairSync('rsa', { modulusLength: 1024 });
const SIGNER = 'F'.repeat(40);
/** What an inbox takes: printable ASCII. */
const KEY = /^[!-~]{1,600}$/;
const STRANGER = '1900000009';
const PREVIOUS_KEY = createSecretKey(Buffer.alloc(32, 'p'));
const WRONG_KEY = createSecretKey(Buffer.alloc(32, 'w'));

const byte = fc.integer({ min: 0, max: 255 });
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** Bytes that change, go, come or come twice, and an end that is missing. */
const bytesMutation = fc.oneof(
  fc.tuple(place, byte).map(([at, value]) => (body: Buffer) => {
    const copy = Buffer.from(body);
    copy[Math.floor(at * copy.length)] = value;
    return copy;
  }),
  fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(([at, bit]) => (body: Buffer) => {
    const copy = Buffer.from(body);
    const index = Math.floor(at * copy.length);
    copy[index] = (copy[index] ?? 0) ^ (1 << bit);
    return copy;
  }),
  place.map((at) => (body: Buffer) => body.subarray(0, Math.floor(at * body.length))),
  fc
    .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 }))
    .map(([at, bytes]) => (body: Buffer) => {
      const index = Math.floor(at * body.length);
      return Buffer.concat([body.subarray(0, index), bytes, body.subarray(index)]);
    }),
  fc.tuple(place, place).map(([one, other]) => (body: Buffer) => {
    const [from, to] = [one, other].map((at) => Math.floor(at * body.length)).sort((a, b) => a - b);
    return Buffer.concat([body.subarray(0, from), body.subarray(to)]);
  }),
  fc.constantFrom(
    (body: Buffer) => Buffer.concat([body, body]),
    (body: Buffer) => Buffer.concat([Buffer.from('\uFEFF'), body]),
    () => Buffer.alloc(0),
  ),
);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
/** Changes of a body: of its bytes, of how its JSON is written, or another JSON. */
const bodyMutation = fc.oneof(
  { weight: 6, arbitrary: bytesMutation },
  fc.constant((body: Buffer) => Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 1))),
  fc.jsonValue().map((value) => () => json(value)),
);

const SIGNED = [
  'wechatpay-timestamp',
  'wechatpay-nonce',
  'wechatpay-serial',
  'wechatpay-signature',
] as const;
const headerMutation = fc
  .tuple(
    fc.constantFrom(...SIGNED),
    fc.oneof(
      fc.constant('drop' as const),
      fc.constant('twice' as const),
      fc.string({ maxLength: 400 }),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.tuple(place, fc.string({ minLength: 1, maxLength: 1 })),
    ),
  )
  .map(([name, how]) => (headers: Headers): Headers => {
    const { [name]: value = '', ...rest } = headers;
    const text = String(value);
    if (how === 'drop') return rest;
    if (how === 'twice') return { ...headers, [name]: [text, text] };
    if (typeof how === 'string') return { ...headers, [name]: how };
    const index = Math.floor(how[0] * text.length);
    return { ...headers, [name]: `${text.slice(0, index)}${how[1]}${text.slice(index + 1)}` };
  });

/** Mostly what is right: whatever is wrong alone has to be seen. */
const mostly = <T>(right: fc.Arbitrary<T>, ...wrong: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 12 * wrong.length, arbitrary: right },
    ...wrong.map((arbitrary) => ({ weight: 1, arbitrary })),
  );

/** A plaintext that claims to be a merchant's, or anything else. */
const plaintextFor = (mchid: string): fc.Arbitrary<Buffer> => {
  const owner = fc.oneof(
    { weight: 6, arbitrary: fc.constant<unknown>(mchid) },
    fc.constantFrom<unknown>(STRANGER, Number(mchid), [mchid], { mchid }, null, '', `${mchid} `),
    fc.jsonValue(),
  );
  const owners = fc.oneof(
    fc.record({ mchid: owner }),
    fc.record(
      { sp_mchid: owner, combine_mchid: owner, mchid: owner, sub_mchid: owner },
      { requiredKeys: [] },
    ),
    // a share, which may be known by its shape alone
    fc.record(
      { mchid: owner, receiver: fc.record({ account: owner }), out_order_no: fc.string() },
      { requiredKeys: ['mchid', 'receiver'] },
    ),
  );
  const names = ['out_trade_no', 'out_refund_no', 'combine_out_trade_no', 'amount', 'receiver'];
  const others = fc.dictionary(
    fc.constantFrom(...names, '__proto__', 'constructor', 'toJSON', 'mchid\u0000'),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  const payload = fc.tuple(others, owners).map(([some, own]) => json({ ...some, ...own }));
  const deep = fc
    .tuple(fc.integer({ min: 1_000, max: 20_000 }), fc.constantFrom('a', '__proto__'))
    .map(([depth, name]) => {
      const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      return Buffer.from(`{"mchid":"${mchid}","${name}":1,"deep":${nested}}`);
    });
  return fc.oneof(
    { weight: 200, arbitrary: payload },
    { weight: 20, arbitrary: fc.tuple(payload, bodyMutation).map(([bytes, how]) => how(bytes)) },
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 9, arbitrary: fc.jsonValue().map(json) },
    { weight: 1, arbitrary: deep },
  );
};

/** How a plaintext is sealed, and what the envelope says of it. */
const sealing = (apiV3Key: KeyObject) =>
  fc
    .record({
      key: mostly(fc.constant(apiV3Key), fc.constant(PREVIOUS_KEY), fc.constant(WRONG_KEY)),
      nonce: fc.stringMatching(/^[0-9a-zA-Z]{12}$/),
      aad: fc.constantFrom('transaction', '', '微信支付'),
      nonceToldOf: mostly(fc.constant(undefined), fc.string({ unit: 'binary', maxLength: 20 })),
      aadToldOf: mostly(fc.constant(undefined), fc.string({ maxLength: 20 }), fc.jsonValue()),
      cut: mostly(fc.constant(undefined), bytesMutation),
      encoding: mostly<BufferEncoding>(
        fc.constant('base64'),
        fc.constantFrom('base64url', 'hex', 'latin1'),
      ),
    })
    .map(({ key, nonce, aad, nonceToldOf, aadToldOf, cut, encoding }) => (plaintext: Buffer) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
      cipher.setAAD(Buffer.from(aad));
      const sealed = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
      const bytes = Buffer.concat(sealed);
      return {
        ciphertext: (cut?.(bytes) ?? bytes).toString(encoding),
        nonce: nonceToldOf ?? nonce,
        associated_data: aadToldOf === undefined ? aad : aadToldOf,
      };
    });

const eventType = mostly(
  fc.constantFrom('TRANSACTION.SUCCESS', 'REFUND.SUCCESS', 'COMPLAINT.STATE_CHANGE'),
  fc.constantFrom('transaction.success', ' TRANSACTION.SUCCESS', 'TRANSACTION.', ''),
  fc.string({ unit: 'binary', maxLength: 80 }),
);
const FIELDS = ['id', 'create_time', 'event_type', 'resource_type', 'summary', 'resource'];
const RESOURCE = ['original_type', 'algorithm', 'ciphertext', 'associated_data', 'nonce'];
/** A field of an envelope that is missing or something else. */
const envelopeMutation = fc
  .tuple(
    fc.constantFrom(...FIELDS, ...RESOURCE),
    fc.option(fc.oneof(fc.jsonValue(), fc.constantFrom(...FIELDS, ...RESOURCE)), {
      nil: undefined,
    }),
  )
  .map(([name, value]) => (envelope: Envelope): Envelope => {
    if (FIELDS.includes(name)) return { ...envelope, [name]: value };
    return { ...envelope, resource: { ...envelope.resource, [name]: value } };
  });
interface Envelope {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

/** What a genuine signature may stand over, and whether its time and nonce may be listened to. */
const signedAnyhow = (mchid: string, apiV3Key: KeyObject, nowMs: number) =>
  fc
    .record({
      plaintext: plaintextFor(mchid),
      seal: sealing(apiV3Key),
      type: eventType,
      original: mostly(
        fc.constantFrom<unknown>('transaction', 'profitsharing', undefined),
        fc.jsonValue(),
      ),
      change: mostly(fc.constant(undefined), envelopeMutation),
      onBody: mostly(fc.constant(undefined), bodyMutation),
      awaySeconds: mostly(fc.constant(0), fc.integer({ min: -305, max: 305 })),
      nonce: mostly(
        fc.stringMatching(/^[0-9A-Za-z]{32}$/),
        fc.string({ maxLength: 140 }),
        fc.string({ unit: 'binary', maxLength: 40 }),
      ),
    })
    .map(({ plaintext, seal, type, original, change, onBody, awaySeconds, nonce }) => {
      const envelope: Envelope = {
        ...{ id: 'EV-1', create_time: '2026-01-01T12:00:00+08:00', event_type: type },
        ...{ resource_type: 'encrypt-resource', summary: '支付成功' },
        resource: {
          ...{ original_type: original, algorithm: 'AEAD_AES_256_GCM' },
          ...seal(plaintext),
        },
      };
      const bytes = json(change?.(envelope) ?? envelope);
      const body = onBody?.(bytes) ?? bytes;
      const timestamp = String(Math.floor(nowMs / 1000) + awaySeconds);
      const head = Buffer.from(`${timestamp}\n${nonce}\n`, 'latin1');
      const signature = sign(
        'sha256',
        Buffer.concat([head, body, Buffer.from('\n')]),
        signer.privateKey,
      );
      const headers: Headers = {
        ...{ 'wechatpay-timestamp': timestamp, 'wechatpay-nonce': nonce },
        ...{ 'wechatpay-serial': SIGNER, 'wechatpay-signature': signature.toString('base64') },
      };
      const isPlain = /^[!-+\--~]{1,128}$/.test(nonce);
      const isInTime = Math.abs(awaySeconds) < 300;
      return { headers, body, isHeard: isPlain && isInTime };
    });

/**
 * Whether a body is for a merchant, by reading it once more in other words; `undefined` for one so
 * deep that it may be too much.
 */
function isFor(mchid: string, body: Buffer, keys: readonly KeyObject[]): boolean | undefined {
  const envelope = parsed(body);
  const resource = isObject(envelope) ? envelope['resource'] : undefined;
  if (!isObject(envelope) || !isObject(resource)) return false;
  const { id, event_type: type } = envelope;
  const { algorithm, ciphertext, nonce, associated_data: aad, original_type: original } = resource;
  if (typeof id !== 'string' || typeof type !== 'string') return false;
  if (algorithm !== 'AEAD_AES_256_GCM') return false;
  if (typeof ciphertext !== 'string' || typeof nonce !== 'string') return false;
  const texts = [ciphertext, nonce, typeof aad === 'string' ? aad : ''] as const;
  const plaintext = keys.map((key) => opened(key, ...texts)).find((bytes) => bytes);
  if (!plaintext) return false;
  const payload = parsed(plaintext);
  if (!isObject(payload)) return false;
  const { sp_mchid: provider, combine_mchid: combined, mchid: own, receiver } = payload;
  const named = provider ?? combined ?? own;
  const hasShape = isObject(receiver) && typeof payload['out_order_no'] === 'string';
  const isShare =
    type === 'TRANSACTION.SUCCESS' &&
    (typeof original === 'string' ? original === 'profitsharing' : hasShape);
  const isMine =
    named === mchid ||
    (isShare && isObject(receiver) && receiver['account'] === mchid) ||
    (named === undefined && !type.startsWith('TRANSACTION.') && !type.startsWith('REFUND.'));
  return isMine && plaintext.includes('[[[[[[[[') ? undefined : isMine;
}

function opened(key: KeyObject, ciphertext: string, nonce: string, aad: string) {
  const bytes = Buffer.from(ciphertext, 'base64');
  if (bytes.length < 16 || Buffer.byteLength(nonce) !== 12) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(aad)).setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is in use after everything has been thrown away that can be. */
async function usedBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    await turn(); // what has just resolved is let go
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Tries it so often, and holds that nothing is left behind. */
async function assertFlat<T>(property: fc.IAsyncProperty<[T]>): Promise<void> {
  await fc.assert(property, { numRuns: FIRST_RUNS });
  const before = await usedBytes();
  await fc.assert(property, { numRuns: RUNS });
  const after = await usedBytes();
  expect(after - before).toBeLessThan(GROWTH_BYTES);
}

describe('a mutated notification', () => {
  let receiver: NotificationReceiver;
  let apiV3Keys: KeyObject[];
  let genuine: Sent;
  /** The time that it was signed at: a million take longer than it is fresh. */
  let nowMs: number;

  beforeAll(async () => {
    const emulator = await WechatPayEmulator.start();
    const sent: EmulatorSignedNotification = paidNotification(emulator);
    const options = emulator.options();
    await emulator.close();
    const headers = Object.fromEntries(
      Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ) as Headers;
    genuine = { headers, body: Buffer.from(sent.body) };
    nowMs = Number(headers['wechatpay-timestamp']) * 1000;
    const serial = String(headers['wechatpay-serial']);
    const { publicKey } = new X509Certificate(emulator.platformCertificate.certificate);
    const certificate = { kind: 'certificate', notAfterMs: Infinity } as const;
    const keys = new Map([
      [serial, { ...certificate, id: serial, key: publicKey }],
      [SIGNER, { ...certificate, id: SIGNER, key: signer.publicKey }],
    ]);
    const { apiV3Key } = options.credential as { apiV3Key: string };
    apiV3Keys = [createSecretKey(Buffer.from(apiV3Key)), PREVIOUS_KEY];
    const credential = { apiV3Keys };
    receiver = {
      name: 'default',
      mchid: options.mchid,
      notifications: new NotificationTally(),
      certificates: {
        keyRing: { find: (id: string) => keys.get(id) },
        find: async () => undefined,
        status: { lastError: undefined },
        countReceived: () => undefined,
        reportApiV3Key: () => undefined,
      } as never,
      credentials: { credential, get: async () => credential },
    };
  });

  /** Opens it if it is accepted; anything but one of our errors is a crash. */
  async function receive({ headers, body }: Sent): Promise<ReceivedNotification | undefined> {
    try {
      await verifyNotification(receiver, headers, body, nowMs);
      return await openNotification(receiver, { headers, body, receivedAtMs: nowMs });
    } catch (error) {
      if (error instanceof WechatPayError) return undefined;
      throw error;
    }
  }

  it('is accepted as it was sent', async () => {
    await expect(receive(genuine)).resolves.toMatchObject({ mchid: receiver.mchid });
  });

  it(
    `is never accepted, crashes nothing and leaves nothing behind (${RUNS} of them)`,
    () =>
      assertFlat(
        fc.asyncProperty(
          fc.tuple(
            fc.option(bodyMutation, { nil: undefined }),
            fc.option(headerMutation, { nil: undefined }),
          ),
          async ([onBody, onHeaders]) => {
            const body = onBody?.(genuine.body) ?? genuine.body;
            const headers = onHeaders?.(genuine.headers) ?? genuine.headers;
            const isSame =
              body.equals(genuine.body) &&
              SIGNED.every((name) => headers[name] === genuine.headers[name]);
            return ((await receive({ headers, body })) !== undefined) === isSame;
          },
        ),
      ),
    LIMIT_MS,
  );

  it(
    `is opened with a genuine signature when it is this merchant's, and refused otherwise (${RUNS} of them)`,
    async () => {
      const { mchid } = receiver;
      const [apiV3Key = WRONG_KEY] = apiV3Keys;
      const seen = { opened: 0, refused: 0 };
      await assertFlat(
        fc.asyncProperty(
          signedAnyhow(mchid, apiV3Key, nowMs),
          async ({ headers, body, isHeard }) => {
            const notification = await receive({ headers, body });
            seen[notification ? 'opened' : 'refused'] += 1;
            const isOurs = isHeard && isFor(mchid, body, apiV3Keys);
            if (isOurs === undefined) return true;
            if (!notification) return !isOurs;
            return isOurs && notification.mchid === mchid && KEY.test(notification.key);
          },
        ),
      );
      expect(seen.opened).toBeGreaterThan(RUNS / 5);
      expect(seen.refused).toBeGreaterThan(RUNS / 5);
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
    LIMIT_MS,
  );
});
