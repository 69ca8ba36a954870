import { generateKeyPairSync } from 'node:crypto';
import { HOSTILE_BODIES } from './hostile-bodies.js';
import { signed, withHeaders, type HostileCase } from './hostile-case.js';
import { paidNotification } from './notifications.js';

const SIGNATURE_HEADERS = [
  'wechatpay-timestamp',
  'wechatpay-nonce',
  'wechatpay-signature',
  'wechatpay-serial',
] as const;

const stranger = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;

const seconds = (offset = 0): number => Math.floor(Date.now() / 1000) + offset;

const headerCases: readonly HostileCase[] = [
  withHeaders('no header of the platform at all', (headers) => {
    for (const name of Object.keys(headers)) if (name !== 'content-type') delete headers[name];
  }),
  ...SIGNATURE_HEADERS.flatMap((name) => [
    withHeaders(`${name} missing`, (headers) => delete headers[name]),
    withHeaders(`${name} empty`, (headers) => (headers[name] = '')),
    withHeaders(`${name} twice`, (headers) => {
      headers[name] = [String(headers[name]), String(headers[name])];
    }),
  ]),
  withHeaders('the signature type twice', (headers) => {
    const type = String(headers['wechatpay-signature-type']);
    headers['wechatpay-signature-type'] = [type, type];
  }),
  ...['', 'NaN', '1e9', '-1', '0x65000000', ' ', '1.5', '٣', '9'.repeat(13), '0'].map((timestamp) =>
    signed(`the timestamp ${JSON.stringify(timestamp)}`, () => ({
      timestamp: Buffer.from(timestamp).toString('latin1'),
    })),
  ),
  signed('a timestamp in milliseconds', () => ({ timestamp: Date.now() })),
  signed('a timestamp of now with a sign', () => ({ timestamp: `+${seconds()}` })),
  signed('a timestamp of now with a fraction', () => ({ timestamp: `${seconds()}.0` })),
  signed('a timestamp of now with an exponent', () => ({ timestamp: `${seconds()}e0` })),
  signed('a timestamp of now in hex', () => ({ timestamp: `0x${seconds().toString(16)}` })),
  signed('a timestamp 300 s ago', () => ({ timestamp: seconds(-300) })),
  signed('a timestamp 300 s ahead', () => ({ timestamp: seconds(300) })),
  signed('a nonce with a space', () => ({ nonce: 'a b' })),
  signed('a nonce with a comma', () => ({ nonce: 'a,b' })),
  signed('a nonce of 129 characters', () => ({ nonce: 'n'.repeat(129) })),
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0'.repeat(41)].map((serial) =>
    signed(`the serial ${serial}`, () => ({ serial })),
  ),
  signed('an unknown serial', () => ({ serial: 'F'.repeat(40) })),
  signed('an unknown PUB_KEY_ID_', () => ({ serial: `PUB_KEY_ID_${'1'.repeat(32)}` })),
  signed('the public key’s id over a certificate’s signature', (emulator) => ({
    serial: emulator.publicKey.id,
  })),
  signed('the SM2 signature type', () => ({ signatureType: 'WECHATPAY2-SM2-WITH-SM3' })),
  signed('an empty signature type', () => ({ signatureType: '' })),
];

const signatureCases: readonly HostileCase[] = [
  signed('a signature that is not Base64', () => ({ signature: '<not>base64!'.repeat(28) })),
  signed('a signature in base64url', () => ({ signature: `${'-_'.repeat(171)}==` })),
  signed('a signature of one character', () => ({ signature: 'A' })),
  signed('a signature of 10,000 characters', () => ({ signature: 'A'.repeat(10_000) })),
  signed('a signature from another key', () => ({ signingKey: stranger })),
  signed('a probe (SIGNTEST)', () => ({
    signature: `WECHATPAY/SIGNTEST/${'A'.repeat(325)}`,
  })),
  {
    name: 'a probe prefix before a genuine signature',
    status: 401,
    make: (emulator) => {
      const { headers, body } = paidNotification(emulator);
      const signature = `WECHATPAY/SIGNTEST/${headers['wechatpay-signature']}`;
      return { headers: { ...headers, 'wechatpay-signature': signature }, body };
    },
  },
  {
    name: 'a signature over re-serialised JSON',
    status: 401,
    make: (emulator) => {
      const { headers, body } = paidNotification(emulator);
      return { headers, body: JSON.stringify(JSON.parse(body.toString()), null, 1) };
    },
  },
  signed('a body changed by one byte', () => ({
    mutateBody: (body) => Buffer.from(body.toString().replace('TRANSACTION', 'TRANSACTIOM')),
  })),
  signed('a body with a space after it', () => ({
    mutateBody: (body) => Buffer.concat([body, Buffer.from(' ')]),
  })),
  signed('a changed tag under the old signature', () => ({
    mutateBody: (body) => {
      const text = body.toString();
      const [, ciphertext = ''] = /"ciphertext":"([^"]+)"/.exec(text) ?? [];
      const changed = Buffer.from(ciphertext, 'base64');
      changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
      return Buffer.from(text.replace(ciphertext, changed.toString('base64')));
    },
  })),
];

const contentTypeCases: readonly HostileCase[] = [
  ['text/plain', 415],
  ['text/plain; charset=utf-8', 415],
  ['text/json', 415],
  ['application/jsonp', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data; boundary=x', 415],
].map(([type, status]) =>
  withHeaders(
    `the content type ${type}`,
    (headers) => (headers['content-type'] = String(type)),
    Number(status),
  ),
);

/** Everything that must not reach a handler. */
export const HOSTILE_CASES: readonly HostileCase[] = [
  ...headerCases,
  ...signatureCases,
  ...HOSTILE_BODIES,
  ...contentTypeCases,
  withHeaders('no content type', (headers) => delete headers['content-type'], 415),
];
