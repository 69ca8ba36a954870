import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import * as api from 'nestjs-wechatpay';
import { MerchantRegistry } from '../../lib/context/index.js';
import { ERROR_CODES } from '../../lib/errors/codes.js';
import { NotificationDispatcher } from '../../lib/notification/dispatcher.js';
import { HandlerTable } from '../../lib/notification/handler-table.js';
import { NotificationQueues } from '../../lib/notification/notification-queues.js';
import { readQueued } from '../../lib/notification/queue.js';
import { ReceivedNotification } from '../../lib/notification/received-notification.js';
import { tradeBillRows } from '../../lib/reconcile/bill-download.js';
import {
  merchantContext,
  rejection,
  testOptions,
  TEST_API_V3_KEY,
  TEST_MCHID,
  type TestContext,
} from '../support/merchant-context.js';
import {
  certificateList,
  certificateSigner,
  publicKeyOption,
  publicKeySigner,
  RawPlatform,
  type Reply,
} from '../support/raw-platform.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { Secrets } from '../support/secrets.js';
import { listOf, tradeBill } from '../support/trade-bills.js';
import { ecKey, pem, rsaKey } from '../support/x509.js';

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const NAME = '欧阳锋';
const ID_NUMBER = '11010119900307001X';
const CARD = '6222021234567890128';
const TOKEN = 'tokenOfTheBill';
const PRIVATE_KEY = pem(
  'PRIVATE KEY',
  rsaKey('merchant').privateKey.export({ type: 'pkcs8', format: 'der' }),
);
const secrets = new Secrets([OPENID, NAME, ID_NUMBER, CARD, TOKEN, TEST_API_V3_KEY, PRIVATE_KEY]);
const signer = publicKeySigner('platform');
const certificate = certificateSigner('platform', { serial: '0E3A0001' });
const LEAK = `${OPENID} ${ID_NUMBER} ${CARD} ${PRIVATE_KEY} ${'s'.repeat(344)} Authorization: WECHATPAY2-SHA256-RSA2048 mchid="1",signature="x"`;
const body = { description: 'tea', out_trade_no: 'order-1', amount: { total: 1 } };
const payer = { openid: OPENID, identity: { type: 'IDCARD', name: NAME, number: ID_NUMBER } };

describe('no error shows what it must not', () => {
  const met = new Set<string>();
  const codes = new Set<string>();
  const contexts: TestContext[] = [];
  let platform: RawPlatform;
  let folder: string;

  beforeAll(async () => {
    platform = await RawPlatform.start();
    folder = await mkdtemp(join(tmpdir(), 'wechatpay-redaction-'));
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((each) => each.end()));
  });
  afterAll(async () => {
    await platform.close();
    await rm(folder, { recursive: true });
  });

  const connect = (overrides: Partial<api.WechatPayOptions> = {}): TestContext => {
    const made = merchantContext(
      testOptions({
        baseUrl: platform.url,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        ...overrides,
      }),
    );
    contexts.push(made);
    return made;
  };
  const inspectAll = (error: unknown): void => {
    secrets.expectNoneInError(error);
    for (let at = error; at instanceof Error; at = at.cause) {
      met.add(at.name);
      if (at instanceof api.WechatPayError) codes.add(at.code);
    }
  };
  const failing = async (call: () => Promise<unknown>): Promise<void> => {
    inspectAll(await rejection(Promise.resolve().then(call)));
  };
  const place = (context: TestContext, options?: object): Promise<unknown> =>
    context.client.payments.jsapi.prepay({ ...body, payer } as never, options);

  it.each<[string, Reply]>([
    ['unsigned', { body: LEAK }],
    ['malformed', { body: LEAK, signer, signature: { serial: OPENID } }],
    ['another type', { body: LEAK, signer, signature: { type: 'WECHATPAY2-SM2-WITH-SM3' } }],
    ['stale', { body: LEAK, signer, signature: { timestamp: '1' } }],
    ['unknown', { body: LEAK, signer, signature: { serial: 'PUB_KEY_ID_1' } }],
    ['invalid', { body: LEAK, signer, signature: { value: 'A'.repeat(342) + '==' } }],
    ['not JSON', { body: LEAK, signer }],
    ['not the merchant’s', { body: '{"secret":"AAAA"}', signer }],
    ['too large', { body: Buffer.alloc(5e6, OPENID) }],
    [
      'an error that echoes everything',
      {
        status: 400,
        body: JSON.stringify({
          code: 'PARAM_ERROR',
          message: LEAK,
          detail: {
            field: LEAK,
            value: NAME,
            issue: LEAK,
            location: LEAK,
            sign_information: {
              method: LEAK,
              url: `/v3/x/${OPENID}?name=${NAME}&openid=${OPENID}`,
              truncated_sign_message: `POST\n${NAME}`,
            },
          },
        }),
      },
    ],
    ['an error of a gateway', { status: 502, body: `<html>${LEAK}` }],
    ['a redirect', { status: 302, headers: { Location: `http://127.0.0.1:9/${TOKEN}` } }],
  ])('of answers: %s', async (_, reply) => {
    platform.handler = () => reply;
    const context = connect();
    await failing(() => context.http.put('/v3/x', body, { decrypted: ['secret'] }));
    await failing(() =>
      context.http.get(`/v3/user/${OPENID}`, {
        query: { openid: OPENID, name: NAME },
        decrypted: ['secret'],
      }),
    );
  });

  it.each([
    ['a status line', `HTTP/1.1 abc ${OPENID} ${NAME}\r\n\r\n`],
    ['a header', `HTTP/1.1 200 OK\r\nX-${OPENID}: a\u0000${NAME}\r\n\r\n`],
    ['a chunk', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${OPENID}${ID_NUMBER}\r\n`],
  ])('of a parser that chokes on %s', async (_, bytes) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const context = connect({ baseUrl });
    await failing(() => place(context));
    await failing(() => context.http.get('/v3/x'));
    await failing(async () => {
      const { body: file } = await context.http.stream(`/v3/billdownload/file?token=${TOKEN}`);
      await buffer(file);
    });
    const closed = new Promise((resolve) => server.close(resolve));
    await context.end();
    await closed;
  });

  it('of time, signals and the end', async () => {
    platform.handler = () => ({ write: () => undefined });
    const context = connect();
    await failing(() => place(context, { timeoutMs: 50 }));
    await failing(() => context.http.get(`/v3/x?openid=${OPENID}`, { timeoutMs: 50 }));
    await failing(() =>
      place(context, {
        signal: AbortSignal.abort(Object.assign(new Error(LEAK), { headers: LEAK })),
      }),
    );
    await failing(() => place(context, { signal: AbortSignal.abort(LEAK) }));
    await failing(() => place(context, { signal: AbortSignal.abort() }));
    await failing(() =>
      context.http.stream(`/v3/billdownload/file?token=${TOKEN}`, { headersTimeoutMs: 50 }),
    );
    await context.end();
    await failing(() => place(context));
  });

  it('of arguments that cannot be sent', async () => {
    const context = connect();
    const circle: Record<string, unknown> = { openid: OPENID, name: NAME };
    circle[OPENID] = circle;
    await failing(() => context.http.post('/v3/x', circle));
    await failing(() => context.http.post('/v3/x', { a: 1n, openid: OPENID }));
    await failing(() =>
      context.http.post('/v3/x', {
        toJSON: () => {
          throw new Error(LEAK);
        },
      }),
    );
    await failing(() => context.http.get('/v3/x', { headers: { Authorization: LEAK } }));
    await failing(() =>
      context.http.get('/v3/x', { headers: { 'X-Key': `${TEST_API_V3_KEY}\r\n` } }),
    );
    await failing(() => context.http.get(`/v3/../${TOKEN}`));
    await failing(() => context.http.stream(`https://evil.example/?token=${TOKEN}`));
    await failing(() =>
      context.http.stream(`https://u:${TEST_API_V3_KEY}@api.wechatpay.cn/v3/billdownload/file`),
    );
    await failing(() =>
      context.client.payments.jsapi.prepay({
        ...body,
        payer: { ...payer, identity: { ...payer.identity, name: NAME.repeat(80) } },
      } as never),
    );
    await failing(() =>
      context.client.payments.jsapi.prepay({
        ...body,
        payer: { identity: { number: { text: ID_NUMBER } } },
      } as never),
    );
    await failing(() => Promise.resolve(context.client.partner(OPENID)));
  });

  it('of keys and certificates that cannot be had', async () => {
    const wrongKey = 'anotherTest0123456789abcdefghijk';
    for (const reply of [
      { status: 500, body: JSON.stringify({ code: 'SYSTEM_ERROR', message: LEAK }) },
      { status: 404, body: JSON.stringify({ code: 'RESOURCE_NOT_EXISTS', message: LEAK }) },
      { body: LEAK, signer: certificate },
      { body: certificateList(wrongKey, [certificate]), signer: certificate },
      {
        body: certificateList(TEST_API_V3_KEY, [{ signer: certificate, plaintext: PRIVATE_KEY }]),
        signer: certificate,
      },
    ]) {
      platform.handler = () => reply;
      const context = connect({ platform: {} });
      await failing(() => place(context));
      inspectAll(context.certificates.status.lastError);
    }
    platform.handler = () => ({ body: certificateList(TEST_API_V3_KEY, [certificate]), signer });
    const context = connect();
    for (const { id } of context.certificates.keyRing.keys) context.certificates.distrust(id);
    await failing(() => place(context));
    for (const load of [
      () =>
        Promise.reject(
          Object.assign(new Error(LEAK), { config: { headers: LEAK }, body: PRIVATE_KEY }),
        ),
      () => Promise.resolve(JSON.parse(PRIVATE_KEY) as never),
      () => Promise.resolve(JSON.parse(`"${TEST_API_V3_KEY}`) as never),
      () =>
        Promise.resolve({
          privateKey: `${PRIVATE_KEY}x`.slice(0, 200),
          serialNo: OPENID,
          apiV3Keys: [`${TEST_API_V3_KEY}x`],
        }),
    ]) {
      const from = connect({ credential: { load } });
      await failing(() => place(from));
    }
  });

  it('of a store, and of options', async () => {
    const file = join(folder, `platform-certificates-${TEST_MCHID}.json`);
    const store = new api.DirectoryCertificateStore(folder);
    for (const text of [`{"a":"${OPENID}`, PRIVATE_KEY, `{"format":2,"x":"${TEST_API_V3_KEY}"}`]) {
      await writeFile(file, text);
      await failing(() => store.read(TEST_MCHID));
    }
    await failing(() => store.read(OPENID)); // no mchid
    const options = testOptions({ baseUrl: platform.url });
    const credential = options.credential as api.WechatPayCredentialOptions;
    for (const wrong of [
      { credential: { ...credential, privateKey: PRIVATE_KEY.slice(0, 300) } },
      { credential: { ...credential, privateKey: rsaKey('other').privateKey } },
      { credential: { ...credential, privateKey: ecKey().privateKey } },
      { credential: { ...credential, certificate: PRIVATE_KEY, apiV3Key: `${TEST_API_V3_KEY}x` } },
      { credential: { ...credential, serialNo: TEST_API_V3_KEY } },
      { platform: { publicKey: { id: TEST_API_V3_KEY, key: PRIVATE_KEY } } },
      { platform: { publicKey: { id: 'PUB_KEY_ID_1', key: PRIVATE_KEY } } },
      { baseUrl: `https://u:${TEST_API_V3_KEY}@a.example` },
      { notifyUrl: `https://a.example/?${TOKEN}` },
      { mchid: TEST_API_V3_KEY },
    ] as Partial<api.WechatPayOptions>[]) {
      await failing(() => Promise.resolve(connect(wrong)));
    }
  });

  it('of a notification that is not handled, or not the order’s', async () => {
    const payload = {
      out_trade_no: LEAK,
      trade_state: OPENID,
      payer: { openid: OPENID },
      amount: { total: 1 },
    };
    await failing(async () => api.assertMatchesOrder(payload as never, { totalFen: 2 }));
    const kind = 'TRANSACTION.SUCCESS';
    const notification = new ReceivedNotification(
      { id: 'n-1', eventType: kind, merchant: NAME, mchid: TEST_MCHID, payload } as never,
      undefined,
    );
    const busy = { query: async () => [{ locked: false }] };
    await failing(() => notification.claim(busy as never));
    const dispatch = (run: () => unknown, unhandled?: 'refuse'): Promise<void> => {
      const handlers = unhandled ? [] : [{ name: 'a', kind, merchants: undefined, run }];
      const reports = { failed() {}, unremembered() {}, late() {}, unhandled() {} };
      const dispatcher = new NotificationDispatcher({
        handlers: new HandlerTable(handlers),
        reports,
      });
      const inbox = new api.MemoryNotificationInbox();
      return dispatcher.dispatch(notification, { inbox, ackTimeoutMs: 100, unhandled });
    };
    await failing(async () => readQueued({ merchant: NAME, receivedAtMs: OPENID }));
    const queue = { enqueue: () => Promise.reject(new Error('a queue’s own words')) };
    const queues = new NotificationQueues(() => Promise.resolve(), new RecordingLogger() as never);
    const source = { headers: {}, body: Buffer.from(LEAK), receivedAtMs: 0 };
    const queued = new ReceivedNotification({ ...notification }, source);
    await failing(() => queues.enqueue(queue as never, queued, 100));
    await failing(() => dispatch(() => undefined, 'refuse'));
    await failing(() => dispatch(() => Promise.reject(new Error('a handler’s own words'))));
    await failing(() => dispatch(() => new Promise(() => undefined)));
  });

  it('of merchants that are not there, and of a route that keeps no raw body', async () => {
    const registry = new MerchantRegistry();
    registry.add(connect());
    await failing(async () => registry.get(OPENID));
    const open = (): never => {
      throw new Error('nobody is opened');
    };
    const lifecycle = { registry, open, clock: Date.now };
    const merchants = new api.WechatPayMerchants(lifecycle as never);
    merchants.configure({ resolve: () => undefined });
    for (const name of [OPENID, '1900000009']) await failing(() => merchants.get(name));
    Logger.overrideLogger(new RecordingLogger());
    const guard = new api.WechatPayNotifyGuard({ nowMs: Date.now } as never, new Reflector());
    const headers = { 'content-type': 'application/json', 'content-length': '9', cookie: LEAK };
    const request = { headers, body: { openid: OPENID }, url: `/notify?${TOKEN}` };
    await failing(async () => guard.canActivate(new ExecutionContextHost([request])));
  });

  it('of a trade bill', async () => {
    const context = connect();
    const bill = async (http: unknown = context.http, maxBytes = 1e6): Promise<void> => {
      const { signal } = new AbortController();
      const rows = tradeBillRows(http as never, { date: '2026-01-02' }, { signal, maxBytes });
      await failing(() => listOf(rows));
    };
    const file = `/v3/billdownload/file?token=${TOKEN}`;
    let text = tradeBill([
      { 用户标识: OPENID, 商品名称: LEAK.replaceAll('\n', ' '), 订单金额: NAME },
    ]);
    const announce = (hash = createHash('sha1').update(text).digest('hex')): Reply => ({
      body: JSON.stringify({
        hash_type: 'SHA1',
        hash_value: hash,
        download_url: `${platform.url}${file}`,
      }),
      signer,
    });
    const answers = (asked: Reply, downloaded: Reply = { body: gzipSync(text) }): void => {
      platform.handler = ({ target }) => (target === file ? downloaded : asked);
    };
    answers({ status: 400, body: JSON.stringify({ code: 'STATEMENT_CREATING', message: LEAK }) });
    await bill();
    answers({ body: JSON.stringify({ hash_type: LEAK, download_url: TOKEN }), signer });
    await bill();
    answers(announce('0'.repeat(40)));
    await bill();
    answers(announce(), { body: text });
    await bill();
    answers(announce());
    await bill(); // no amount
    await bill(context.http, 100);
    for (const damaged of [
      text.slice(0, text.indexOf('总交易')),
      `${OPENID},${ID_NUMBER}\n${text}`,
    ]) {
      text = damaged;
      answers(announce());
      await bill();
    }
    const full = Object.assign(new Error(LEAK), { code: 'ENOSPC', syscall: 'write', path: TOKEN });
    await bill({ get: () => Promise.reject(full) });
  });

  it('when calls are refused before they are sent', async () => {
    platform.handler = () => ({ status: 503, body: LEAK });
    const context = connect({ http: { maxConcurrency: 1, maxQueue: 0 } });
    const first = place(context).catch(() => undefined);
    await failing(() => place(context));
    await first;
    for (let call = 0; call < 20; call += 1) await place(context).catch(() => undefined);
    await failing(() => place(context));
    expect([...codes]).toEqual(expect.arrayContaining(['OVERLOADED', 'CIRCUIT_OPEN']));
  });

  it('and every class and code was met', () => {
    const classes = Object.keys(api).filter((name) => /^WechatPay\w*Error$/.test(name));
    expect(classes).toHaveLength(12);
    expect([...met]).toEqual(expect.arrayContaining(classes));
    expect([...codes].sort()).toEqual([...ERROR_CODES].sort());
  });
});
