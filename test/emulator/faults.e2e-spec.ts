import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WechatPayEmulator, type EmulatorFault } from 'nestjs-wechatpay-emulator';
import { isSignedBy, Merchant, type RawAnswer } from './support/merchant.js';

describe('Faults on answers', () => {
  let emulator: WechatPayEmulator;
  let merchant: Merchant;
  let count = 0;

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    merchant = new Merchant(emulator);
  });

  afterAll(() => emulator.close());
  afterEach(() => emulator.clearFaults());

  const verifies = ({ headers, text }: RawAnswer) =>
    isSignedBy(emulator.platformCertificate.certificate, headers, text);

  async function withFault(fault: EmulatorFault): Promise<RawAnswer> {
    emulator.addFault(fault);
    return merchant.get('/v3/certificates');
  }

  it('hit as often as asked and then no more', async () => {
    emulator.addFault({ match: '/v3/certificates', kind: 'status-500', times: 2 });
    const statuses: number[] = [];
    for (let call = 0; call < 3; call += 1)
      statuses.push((await merchant.get('/v3/certificates')).status);
    expect(statuses).toEqual([500, 500, 200]);
  });

  it('hit only what they match', async () => {
    emulator.addFault({ match: 'POST /v3/pay/', kind: 'status-429' });
    expect((await merchant.get('/v3/certificates')).status).toBe(200);
    expect((await merchant.query('FAULT-QUERY')).status).toBe(404);
    expect((await merchant.native('FAULT-00000')).status).toBe(429);
    emulator.addFault({ match: 'notification', kind: 'signtest' });
    expect(verifies(await merchant.get('/v3/certificates'))).toBe(true);
  });

  it.each([
    ['status-500', 500, 'SYSTEM_ERROR'],
    ['status-429', 429, 'FREQUENCY_LIMITED'],
  ] as const)('%s answers %d before anything has run', async (kind, status, code) => {
    const outTradeNo = `FAULT-${kind}`;
    emulator.addFault({ kind });
    expect(await merchant.native(outTradeNo)).toMatchObject({ status, json: { code } });
    expect((await merchant.query(outTradeNo)).status).toBe(404);
  });

  it('html-502 answers as a gateway does', async () => {
    const answer = await withFault({ kind: 'html-502' });
    expect(answer.status).toBe(502);
    expect(answer.headers['content-type']).toBe('text/html');
    expect(answer.text).toContain('<html>');
    expect(answer.headers['wechatpay-signature']).toBeUndefined();
  });

  it.each<[EmulatorFault['kind'], (answer: RawAnswer) => void]>([
    [
      'signtest',
      (answer) => {
        expect(answer.headers['wechatpay-signature']).toMatch(/^WECHATPAY\/SIGNTEST\//);
        expect(verifies(answer)).toBe(false);
      },
    ],
    [
      'stale-timestamp',
      (answer) => {
        expect(verifies(answer)).toBe(true);
        expect(Date.now() / 1000 - Number(answer.headers['wechatpay-timestamp'])).toBeGreaterThan(
          590,
        );
      },
    ],
    [
      'wrong-serial',
      (answer) => {
        expect(answer.headers['wechatpay-serial']).toMatch(/^0E3A11A7[0-9A-F]{32}$/);
        expect(answer.headers['wechatpay-serial']).not.toBe(emulator.platformCertificate.serial);
      },
    ],
    ['bad-signature', (answer) => expect(verifies(answer)).toBe(false)],
    [
      'unsigned',
      (answer) => {
        const names = Object.keys(answer.headers).filter((name) => name.startsWith('wechatpay-'));
        expect(names).toEqual([]);
      },
    ],
  ])('%s spoils the signature of a good answer', async (kind, check) => {
    const answer = await withFault({ kind });
    expect(answer.status).toBe(200);
    expect(answer.json['data']).toHaveLength(1);
    check(answer);
  });

  it('wrong-serial can name a serial', async () => {
    const answer = await withFault({ kind: 'wrong-serial', serial: 'constructor' });
    expect(answer.headers['wechatpay-serial']).toBe('constructor');
  });

  it.each([
    ['drop-after-commit', 200],
    ['drop', 404],
  ] as const)('%s breaks the connection; the order is there or not: %d', async (kind, status) => {
    const outTradeNo = `FAULT-DROP-${(count += 1)}`;
    emulator.addFault({ match: 'POST', kind });
    await expect(merchant.native(outTradeNo)).rejects.toThrow('socket hang up');
    expect((await merchant.query(outTradeNo)).status).toBe(status);
  });

  it('delay holds a good answer back', async () => {
    const started = performance.now();
    const answer = await withFault({ kind: 'delay', delayMs: 60 });
    expect(performance.now() - started).toBeGreaterThan(50);
    expect(verifies(answer)).toBe(true);
  });

  it('truncated-body stops in the middle', async () => {
    await expect(withFault({ kind: 'truncated-body' })).rejects.toThrow('aborted');
  });

  it('large-body is as long as asked and well signed', async () => {
    const answer = await withFault({ kind: 'large-body', bytes: 3_000_000 });
    expect(answer.text).toHaveLength(3_000_000);
    expect(answer.json['padding']).toBeDefined();
    expect(verifies(answer)).toBe(true);
  });

  it('html-200 is somebody else’s page', async () => {
    const answer = await withFault({ kind: 'html-200' });
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('<html>') });
    expect(answer.headers['wechatpay-signature']).toBeUndefined();
  });

  it('redirect points elsewhere', async () => {
    const answer = await withFault({ kind: 'redirect', location: 'http://127.0.0.1:1/x' });
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toBe('http://127.0.0.1:1/x');
  });

  it('respond answers with any status and body, signed unless told otherwise', async () => {
    const body = '{"code_url":"weixin://x","__proto__":{"polluted":true}}';
    const signed = await withFault({ kind: 'respond', body });
    expect(signed.text).toBe(body);
    expect(verifies(signed)).toBe(true);
    const unsigned = await withFault({
      kind: 'respond',
      status: 418,
      contentType: 'text/plain',
      body: 'tea',
      signed: false,
    });
    expect(unsigned).toMatchObject({ status: 418, text: 'tea' });
    expect(unsigned.headers['wechatpay-signature']).toBeUndefined();
  });

  it('respond answers with nothing when it is given no body', async () => {
    const answer = await withFault({ kind: 'respond', status: 202 });
    expect(answer).toMatchObject({ status: 202, text: '' });
    expect(answer.headers['content-type']).toBeUndefined();
    expect(verifies(answer)).toBe(true);
  });

  it('wait a thousand at most', () => {
    for (let index = 0; index < 1000; index += 1) emulator.addFault({ kind: 'signtest' });
    expect(() => emulator.addFault({ kind: 'signtest' })).toThrow(/more than 1000 faults/);
    emulator.clearFaults();
    expect(() => emulator.addFault({ kind: 'signtest' })).not.toThrow();
  });

  it.each<[string, object]>([
    ['an unknown kind', { kind: 'explode' }],
    ['no times at all', { kind: 'signtest', times: 0 }],
    ['half a time', { kind: 'signtest', times: 0.5 }],
    ['a delay of an hour', { kind: 'delay', delayMs: 3_600_000 }],
    ['a header that breaks the line', { kind: 'redirect', location: 'http://a\r\nx: y' }],
    ['a status that is none', { kind: 'respond', status: 99 }],
    ['a duplicate of an answer', { kind: 'duplicate' }],
    ['a notification that answers 500', { match: 'notification', kind: 'status-500' }],
    ['a match that is no text', { kind: 'signtest', match: 5 }],
    ['a body that is no text', { kind: 'respond', body: 5 }],
    ['a signature that is no yes or no', { kind: 'respond', signed: 'no' }],
  ])('are refused with %s', (_, fault) => {
    expect(() => emulator.addFault(fault as EmulatorFault)).toThrow(TypeError);
  });
});
