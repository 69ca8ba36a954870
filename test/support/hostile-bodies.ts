import type { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { signed, type HostileCase, type Statuses } from './hostile-case.js';
import { paidNotification } from './notifications.js';

/** A parser that looks first answers 400; with the helper none looks before the guard. */
const parserFirst: Statuses = (_, mode) => (mode === 'helper' ? 401 : 400);
/** Express takes objects and arrays alone for JSON. */
const bareFirst: Statuses = (platform, mode) =>
  platform === 'express' && mode === 'rawBody' ? 400 : 401;
/** Fastify answers an empty JSON body itself. */
const onFastify400: Statuses = (platform) => (platform === 'fastify' ? 400 : 401);

const notUtf8 = Buffer.concat([
  Buffer.from('{"id":"'),
  Buffer.from([0xff, 0xfe, 0xc3, 0x28]),
  Buffer.from('"}'),
]);
const big = Buffer.from(`{"id":"${'x'.repeat(5 * 1024 * 1024)}"}`);

/** Bodies, each unsigned (the signature is another body's) and correctly signed. */
const BODIES: readonly (readonly [string, Buffer | string, Statuses])[] = [
  ['not JSON', 'hello', parserFirst],
  ['cut off JSON', '{"id":', parserFirst],
  ['a bare number', '42', bareFirst],
  ['a bare null', 'null', bareFirst],
  ['a bare string', '"hello"', bareFirst],
  ['a bare true', 'true', bareFirst],
  ['an array', '[]', 401],
  ['JSON of another shape', '{"hello":"world"}', 401],
  ['invalid UTF-8', notUtf8, 401],
];

const bodyCases: readonly HostileCase[] = [
  ...BODIES.flatMap(([name, body, status]) => [
    signed(`${name}, unsigned`, () => ({ mutateBody: () => Buffer.from(body) }), status),
    signed(`${name}, correctly signed`, () => ({ body }), status),
  ]),
  signed('an empty body', () => ({ mutateBody: () => Buffer.alloc(0) }), onFastify400),
  signed('an empty body, correctly signed', () => ({ body: '' }), onFastify400),
  signed('5 MB', () => ({ mutateBody: () => big }), 413),
  signed('5 MB, correctly signed', () => ({ body: big }), 413),
];

/** Correctly signed envelopes that no platform sends. */
const ENVELOPES: readonly (readonly [string, (envelope: Record<string, unknown>) => unknown])[] = [
  ['without an id', (envelope) => ({ ...envelope, id: undefined })],
  ['with a number for an id', (envelope) => ({ ...envelope, id: 1 })],
  ['without an event type', (envelope) => ({ ...envelope, event_type: undefined })],
  ['without a resource', (envelope) => ({ ...envelope, resource: undefined })],
  ['with an array for a resource', (envelope) => ({ ...envelope, resource: [] })],
  ['with null for a resource', (envelope) => ({ ...envelope, resource: null })],
  ...['ciphertext', 'nonce', 'algorithm'].map(
    (name) =>
      [
        `without ${name}`,
        (envelope: Record<string, unknown>) => ({
          ...envelope,
          resource: { ...(envelope['resource'] as object), [name]: undefined },
        }),
      ] as const,
  ),
];

const envelopeCases: readonly HostileCase[] = [
  ...ENVELOPES.map(([name, change]): HostileCase => {
    const compose = (emulator: WechatPayEmulator): string =>
      JSON.stringify(change(JSON.parse(paidNotification(emulator).body.toString())));
    return signed(`an envelope ${name}, correctly signed`, (emulator) => ({
      body: compose(emulator),
    }));
  }),
  signed('AEAD_SM4_GCM', () => ({ algorithm: 'AEAD_SM4_GCM' })),
  signed('a payload that is not JSON', () => ({ plaintext: 'hello' })),
  signed('a payload that is a bare string', () => ({ plaintext: '"hello"' })),
  signed('a payload that is an array', () => ({ plaintext: '[]' })),
  signed('a payload of another merchant', () => ({ plaintext: '{"mchid":"1900000009"}' })),
  signed('a payload with a number for its mchid', ({ mchid }) => ({
    plaintext: `{"mchid":${mchid}}`,
  })),
  signed('a payload of another provider’s sub-merchant', ({ mchid }) => ({
    plaintext: JSON.stringify({ sp_mchid: '1900000009', sub_mchid: mchid, mchid }),
  })),
  signed('a payload of another combined order', ({ mchid }) => ({
    plaintext: JSON.stringify({ combine_mchid: '1900000009', mchid }),
  })),
  signed('a payment that is nobody’s', () => ({ plaintext: '{"out_trade_no":"order-0001"}' })),
];

/** After a good signature, what does not open is our wrong key: 5xx, and the platform comes back. */
const ciphertextCases: readonly HostileCase[] = [
  ...[4, 12, 15].map((tagBytes) =>
    signed(`a tag of ${tagBytes} bytes, correctly signed`, () => ({ tagBytes }), 500),
  ),
  signed(
    'a flipped tag, correctly signed',
    () => ({
      mutateCiphertext: (bytes) => {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1);
        return flipped;
      },
    }),
    500,
  ),
  signed(
    'a ciphertext shorter than a tag',
    () => ({ mutateCiphertext: (b) => b.subarray(0, 9) }),
    500,
  ),
  signed('another APIv3 key', () => ({ apiV3Key: 'k'.repeat(32) }), 500),
];

/** Bodies that must not reach a handler, whether their signature is good or not. */
export const HOSTILE_BODIES: readonly HostileCase[] = [
  ...bodyCases,
  ...envelopeCases,
  ...ciphertextCases,
];
