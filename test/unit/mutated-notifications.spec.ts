import { createSecretKey, X509Certificate } from 'node:crypto';
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
import { paidNotification } from '../support/notifications.js';

/** How many mutations are tried; `MUTATIONS=1000000` for the long run. */
const RUNS = Number(process.env['MUTATIONS'] ?? 20_000);
const LIMIT_MS = 60_000 + RUNS;

type Headers = Record<string, string | string[]>;
interface Sent {
  readonly headers: Headers;
  readonly body: Buffer;
}

const byte = fc.integer({ min: 0, max: 255 });
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** Changes of a body: bytes that change, go, come, move or come twice, and an end that is missing. */
const bodyMutation = fc.oneof(
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
    (body: Buffer) => Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 1)),
    (body: Buffer) => Buffer.concat([Buffer.from('\uFEFF'), body]),
    () => Buffer.alloc(0),
  ),
  fc.jsonValue().map((value) => () => Buffer.from(JSON.stringify(value))),
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

describe('a mutated notification', () => {
  let receiver: NotificationReceiver;
  let genuine: Sent;

  beforeAll(async () => {
    const emulator = await WechatPayEmulator.start();
    const sent: EmulatorSignedNotification = paidNotification(emulator);
    const options = emulator.options();
    await emulator.close();
    const headers = Object.fromEntries(
      Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ) as Headers;
    genuine = { headers, body: Buffer.from(sent.body) };
    const serial = String(headers['wechatpay-serial']);
    const { publicKey } = new X509Certificate(emulator.platformCertificate.certificate);
    const key = { id: serial, kind: 'certificate', key: publicKey, notAfterMs: Infinity } as const;
    const { apiV3Key } = options.credential as { apiV3Key: string };
    const credential = { apiV3Keys: [createSecretKey(Buffer.from(apiV3Key))] };
    receiver = {
      name: 'default',
      mchid: options.mchid,
      notifications: new NotificationTally(),
      certificates: {
        keyRing: { find: (id: string) => (id === key.id ? key : undefined) },
        find: async () => undefined,
        status: { lastError: undefined },
        countReceived: () => undefined,
        reportApiV3Key: () => undefined,
      } as never,
      credentials: { credential, get: async () => credential },
    };
  });

  /** Whether it was accepted; anything but one of our errors is a crash. */
  async function isAccepted({ headers, body }: Sent): Promise<boolean> {
    try {
      await verifyNotification(receiver, headers, body, Date.now());
      await openNotification(receiver, { headers, body, receivedAtMs: Date.now() });
      return true;
    } catch (error) {
      if (error instanceof WechatPayError) return false;
      throw error;
    }
  }

  it('is accepted as it was sent', async () => {
    await expect(isAccepted(genuine)).resolves.toBe(true);
  });

  it(
    `is never accepted, crashes nothing and leaves nothing behind (${RUNS} of them)`,
    async () => {
      const before = process.memoryUsage().heapUsed;
      await fc.assert(
        fc.asyncProperty(
          fc.option(bodyMutation, { nil: undefined }),
          fc.option(headerMutation, { nil: undefined }),
          async (onBody, onHeaders) => {
            const body = onBody?.(genuine.body) ?? genuine.body;
            const headers = onHeaders?.(genuine.headers) ?? genuine.headers;
            const isSame =
              body.equals(genuine.body) &&
              SIGNED.every((name) => headers[name] === genuine.headers[name]);
            expect(await isAccepted({ headers, body })).toBe(isSame);
          },
        ),
        { numRuns: RUNS },
      );
      globalThis.gc?.();
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(150 * 1024 * 1024);
    },
    LIMIT_MS,
  );
});
