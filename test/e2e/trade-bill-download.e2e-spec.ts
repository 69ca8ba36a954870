import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tradeBillRows } from '../../lib/reconcile/bill-download.js';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { openBills, TELLS_FILES } from '../support/private-files.js';
import {
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
  type Reply,
} from '../support/raw-platform.js';
import { listOf, tradeBill } from '../support/trade-bills.js';

const TOKEN = 'tokenOfTheBill';
const FILE = '/v3/billdownload/file';
const MIB = 1024 * 1024;
const text = Buffer.from(tradeBill([{ 商户订单号: 'order-1' }, { 商户订单号: 'order-2' }]));
const sha1 = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');

describe('the download of a trade bill', () => {
  let platform: RawPlatform;
  let context: TestContext;
  let ending: AbortController;
  let place: Record<string, unknown>;
  let asked: Reply;
  let file: Reply;

  beforeAll(async () => {
    platform = await RawPlatform.start(({ target }) => (target.startsWith(FILE) ? file : asked));
    context = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
      }),
    );
  });
  beforeEach(() => {
    ending = new AbortController();
    platform.requests.length = 0;
    place = {
      hash_type: 'SHA1',
      hash_value: sha1(text),
      download_url: `${platform.url}${FILE}?token=${TOKEN}`,
    };
    asked = answer();
    file = { body: gzipSync(text) };
  });
  afterEach(() => expect(openBills()).toEqual([]));
  afterAll(async () => {
    await platform.close();
    await context.end();
  });

  const answer = (changes: Record<string, unknown> = {}): Reply => ({
    body: JSON.stringify({ ...place, ...changes }),
    signer: publicKeySigner('platform'),
  });
  const refused = (status: number, code: string): Reply => ({
    status,
    body: JSON.stringify({ code, message: '账单' }),
  });
  const rows = (maxBytes?: number, http = context.http) =>
    tradeBillRows(http, { date: '2026-01-02' }, { signal: ending.signal, maxBytes });
  const failure = async (maxBytes?: number) => {
    const error = await rejection(listOf(rows(maxBytes)));
    expect(error.message).not.toContain(TOKEN);
    return error;
  };

  it('asks for all of a day, compressed, and gives its rows', async () => {
    const found = await listOf(rows());
    expect(found.map(({ outTradeNo }) => outTradeNo)).toEqual(['order-1', 'order-2']);
    expect(platform.requests.map(({ target }) => target)).toEqual([
      '/v3/bill/tradebill?bill_date=2026-01-02&bill_type=ALL&tar_type=GZIP',
      `${FILE}?token=${TOKEN}`,
    ]);
    const query = { date: '2026-01-02', subMchid: '1900000109' };
    await listOf(tradeBillRows(context.http, query, { signal: ending.signal }));
    expect(platform.requests[2]?.target).toMatch(/&sub_mchid=1900000109$/);
  });

  it('does not mind how a hash is written', async () => {
    asked = answer({ hash_value: sha1(text).toUpperCase() });
    await expect(listOf(rows())).resolves.toHaveLength(2);
  });

  it('takes a day on which nothing happened for a bill without rows', async () => {
    asked = refused(400, 'NO_STATEMENT_EXIST');
    await expect(listOf(rows())).resolves.toEqual([]);
    for (const reply of [refused(404, 'NO_STATEMENT_EXIST'), refused(400, 'PARAM_ERROR')]) {
      asked = reply;
      await expect(failure()).resolves.toMatchObject({
        name: 'WechatPayApiError',
        status: reply.status,
      });
    }
  });

  it('says when to come again for a bill that is not made yet', async () => {
    asked = refused(400, 'STATEMENT_CREATING');
    await expect(failure()).resolves.toMatchObject({
      name: 'WechatPayBillError',
      code: 'BILL_NOT_READY',
      isRetryable: true,
      requestId: '08F0A1B2C3-0',
      message: expect.stringContaining('after 10:00 Beijing time'),
    });
  });

  it.each([
    { hash_type: 'SHA256' },
    { hash_type: 'sha1' },
    { hash_type: undefined },
    { hash_value: 'abc' },
    { hash_value: 5 },
    { download_url: undefined },
  ])('is not begun with %j', async (changes) => {
    asked = answer(changes);
    await expect(failure()).resolves.toMatchObject({ code: 'BILL_INVALID', isRetryable: false });
    asked = { body: 'null', signer: publicKeySigner('platform') };
    await expect(failure()).resolves.toMatchObject({ code: 'BILL_INVALID' });
    expect(platform.count(FILE)).toBe(0);
  });

  it('sends nothing to a stranger', async () => {
    asked = answer({ download_url: `https://evil.example${FILE}?token=${TOKEN}` });
    await expect(failure()).resolves.toMatchObject({ code: 'HOST_NOT_ALLOWED' });
  });

  it('gives no row of a file that is not the one that was announced', async () => {
    file = { body: gzipSync(Buffer.from(text.toString().replaceAll('1.00', '9.00'))) };
    await expect(rows().next()).rejects.toMatchObject({
      code: 'BILL_INVALID',
      isRetryable: true,
      message: expect.stringContaining('SHA1'),
    });
  });

  it.each([
    ['is not compressed', text],
    ['is cut off', gzipSync(text).subarray(0, -12)],
    ['is empty', Buffer.alloc(0)],
  ])('gives no row of a file that %s', async (_, body) => {
    file = { body };
    await expect(rows().next()).rejects.toMatchObject({ code: 'BILL_INVALID', isRetryable: true });
  });

  it('gives no row of a bill that is genuine and cut off, once it is found out', async () => {
    const half = text.subarray(0, text.indexOf('总交易单数'));
    asked = answer({ hash_value: sha1(half) });
    file = { body: gzipSync(half) };
    await expect(failure()).resolves.toMatchObject({ code: 'BILL_INVALID', isRetryable: false });
  });

  it('is bounded, compressed and uncompressed', async () => {
    file = { body: gzipSync(Buffer.alloc(200 * MIB)) };
    expect(Buffer.from(file.body ?? '').length).toBeLessThan(MIB);
    await expect(failure(MIB)).resolves.toMatchObject({
      code: 'BILL_TOO_LARGE',
      isRetryable: false,
      message: expect.stringContaining(`longer than ${MIB} bytes`),
    });
    const nothing = gzipSync(Buffer.alloc(0));
    file = { body: Buffer.concat(Array.from({ length: 1_000 }, () => nothing)) };
    await expect(failure(10_000)).resolves.toMatchObject({ code: 'BILL_TOO_LARGE' });
  });

  it('fails with the connection', async () => {
    file = {
      write: (response) => {
        response.writeHead(200, { 'Content-Length': 1_000 });
        response.write(gzipSync(text).subarray(0, 40), () => response.destroy());
      },
    };
    await expect(failure()).resolves.toMatchObject({
      name: 'WechatPayTransportError',
      code: 'CONNECTION_FAILED',
    });
    file = refused(400, 'INVALID_REQUEST');
    await expect(failure()).resolves.toMatchObject({ name: 'WechatPayApiError', status: 400 });
  });

  it('keeps the file for this process alone, and ends with what it is a part of', async () => {
    file = {
      write: (response) => {
        response.writeHead(200);
        response.write(gzipSync(text).subarray(0, 40));
      },
    };
    const found = listOf(rows());
    await platform.arrived(2);
    while (TELLS_FILES && openBills().length === 0) await new Promise(setImmediate);
    const open = openBills();
    expect(open.map(({ mode }) => mode)).toEqual(TELLS_FILES ? [0o600] : []);
    // its name and its folder go at once: not even a process that is killed leaves them behind
    for (const { path } of open) {
      while (existsSync(dirname(path))) await new Promise(setImmediate);
    }
    const reason = new Error('the end');
    ending.abort(reason);
    await expect(rejection(found)).resolves.toBe(reason);
  });

  it('ends while it is read, by whoever reads it or from outside', async () => {
    for await (const { outTradeNo } of rows()) {
      expect(outTradeNo).toBe('order-1');
      break;
    }
    expect(openBills()).toEqual([]);
    const reading = rows();
    await reading.next();
    ending.abort(new Error('the end'));
    await expect(reading.next()).rejects.toThrow('the end');
  });

  it('says so when there is no room', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' });
    const http = {
      get: () => Promise.resolve({ data: place }),
      stream: () =>
        Promise.resolve({
          body: new Readable({
            read() {
              this.destroy(full);
            },
          }),
        }),
    };
    await expect(rejection(listOf(rows(MIB, http as never)))).resolves.toMatchObject({
      code: 'BILL_NOT_SAVED',
      isRetryable: true,
      message: expect.stringMatching(/ENOSPC.*make room/),
    });
    const strange = { get: () => Promise.reject(new Error('strange')) };
    await expect(rejection(listOf(rows(MIB, strange as never)))).resolves.toMatchObject({
      message: 'strange',
    });
  });
});
