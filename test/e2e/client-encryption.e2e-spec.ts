import { constants, privateDecrypt } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, RawPlatform } from '../support/raw-platform.js';
import { rsaKey } from '../support/x509.js';

const signer = publicKeySigner('platform');
const NAME = '张三';
const NUMBER = '11010119900307001X';
const identity = { type: 'IDCARD', name: NAME, number: NUMBER };
const order = { description: 'tea', out_trade_no: 'order-0001', amount: { total: 1 } };

/** What an ORM or a class of an application's own may hand in. */
class Entity {
  constructor(private readonly fields: object) {}

  toJSON(): object {
    return this.fields;
  }
}

function open(value: string): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const key = rsaKey('platform').privateKey;
  return privateDecrypt(
    { key, padding, oaepHash: 'sha1' },
    Buffer.from(value, 'base64'),
  ).toString();
}

describe('names and numbers of a payer', () => {
  let platform: RawPlatform;
  let context: TestContext;

  beforeAll(async () => {
    platform = await RawPlatform.start(() => ({ body: '{"prepay_id":"wx1"}', signer }));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });
  beforeEach(() => {
    platform.requests.length = 0;
  });
  afterAll(async () => {
    await context.end();
    await platform.close();
  });

  const prepay = (payer: unknown): Promise<unknown> =>
    context.client.payments.jsapi.prepay({ ...order, payer } as never);

  it.each<[string, unknown]>([
    ['payer', new Entity({ openid: 'o', identity })],
    ['payer.identity', { openid: 'o', identity: new Entity(identity) }],
    ['payer.identity, one inside the other', new Entity({ identity: new Entity(identity) })],
  ])('are encrypted where toJSON() makes the %s', async (_, payer) => {
    await prepay(payer);
    const text = platform.requests.at(-1)?.body.toString('utf8') ?? '';
    expect(text).not.toContain(NAME);
    expect(text).not.toContain(NUMBER);
    const sent = JSON.parse(text) as { payer: { identity: { name: string; number: string } } };
    expect(open(sent.payer.identity.name)).toBe(NAME);
    expect(open(sent.payer.identity.number)).toBe(NUMBER);
  });

  it.each<[string, unknown]>([
    ['an array', { openid: 'o', identity: [identity] }],
    ['an array by toJSON()', { openid: 'o', identity: new Entity([identity]) }],
    ['an object with a number for a name', { openid: 'o', identity: { ...identity, name: 5 } }],
    ['an object with a list of names', { openid: 'o', identity: { ...identity, name: [NAME] } }],
    ['an object with an object for a number', { identity: { ...identity, number: { NUMBER } } }],
    ['in a payer that is a list', [{ openid: 'o', identity }]],
  ])('are refused, and not sent in the clear, when the identity is %s', async (_, payer) => {
    const error = await rejection(prepay(payer));
    expect(error).toMatchObject({ name: 'WechatPayRequestError', code: 'REQUEST_INVALID' });
    expect(error.message).toContain('payer.identity');
    expect(error.message).not.toContain(NAME);
    expect(platform.requests).toHaveLength(0);
  });

  it('may be left out, and the order is sent as it is', async () => {
    for (const payer of [{ openid: 'o' }, { openid: 'o', identity: null }, undefined]) {
      await prepay(payer);
    }
    expect(platform.requests).toHaveLength(3);
  });
});
