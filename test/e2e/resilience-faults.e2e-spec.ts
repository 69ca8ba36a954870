import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  merchantContext,
  rejection,
  testOptions,
  type TestContext,
} from '../support/merchant-context.js';
import { publicKeyOption, publicKeySigner, signatureHeaders } from '../support/raw-platform.js';
import { tlsIdentity } from '../support/tls-platform.js';
import { createServer as createTlsServer } from 'node:tls';

const BODY = Buffer.from('{"ok":true}');
const DEADLINE_MS = 1_200;
const refund = {
  out_trade_no: 'tea-0001',
  out_refund_no: 'tea-0001-1',
  amount: { refund: 1, total: 1, currency: 'CNY' },
};

/** A genuine answer with a head of its own. */
function answer(head: Readonly<Record<string, string>> = {}, body: Buffer = BODY): Buffer {
  const signed = signatureHeaders(publicKeySigner('platform'), BODY, Date.now());
  const lines = Object.entries({
    'Content-Type': 'application/json',
    'Content-Length': String(BODY.length),
    ...signed,
    ...head,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`), body]);
}

type Behaviour = (socket: Socket) => void;

/** What each request meets, down to the bytes. */
const faults: Record<string, { behave: Behaviour; read: string; write: string }> = {
  'a reset once the request has come': {
    behave: (socket) => socket.resetAndDestroy(),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'half an answer': {
    behave: (socket) => socket.end(answer().subarray(0, -5)),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'half a head': {
    behave: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Ty'),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'an answer of which a byte comes now and then': {
    behave: (socket) => {
      const bytes = answer();
      let at = 0;
      const timer = setInterval(() => {
        if (socket.destroyed) clearInterval(timer);
        else socket.write(bytes.subarray(at, (at += 1)));
      }, 20);
    },
    read: 'TIMEOUT',
    write: 'RESULT_UNKNOWN',
  },
  'an answer of 100 MB that is announced': {
    behave: (socket) => socket.write(answer({ 'Content-Length': '104857600' })),
    read: 'ANSWER_TOO_LARGE',
    write: 'RESULT_UNKNOWN',
  },
  'an answer of 100 MB that is not': {
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = Buffer.concat([
        Buffer.from('100000\r\n'),
        Buffer.alloc(0x100000),
        Buffer.from('\r\n'),
      ]);
      let left = 100;
      const more = (): void => {
        while (left > 0 && !socket.destroyed) {
          left -= 1;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
      };
      more();
    },
    read: 'ANSWER_TOO_LARGE',
    write: 'RESULT_UNKNOWN',
  },
  'a Content-Length that is too long': {
    behave: (socket) => socket.end(answer({ 'Content-Length': '12' })),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'a Content-Length that is too short': {
    behave: (socket) => socket.end(answer({ 'Content-Length': '10' })),
    read: 'SIGNATURE_INVALID',
    write: 'RESULT_UNKNOWN',
  },
  'a Content-Length that is none': {
    behave: (socket) => socket.end(answer({ 'Content-Length': '-1' })),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'a head without end': {
    behave: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        if (!socket.destroyed) socket.write(`X-Padding: ${'x'.repeat(8_000)}\r\n`, more);
      };
      more();
    },
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  'what is no HTTP': {
    behave: (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
    read: 'CONNECTION_FAILED',
    write: 'RESULT_UNKNOWN',
  },
  silence: {
    behave: () => undefined,
    read: 'TIMEOUT',
    write: 'RESULT_UNKNOWN',
  },
};

describe('a platform that misbehaves, with retries as an application has them', () => {
  let server: Server | undefined;
  let context: TestContext | undefined;
  const sockets = new Set<Socket>();
  /** Methods of the requests that arrived. */
  let arrived: string[] = [];

  afterEach(async () => {
    await context?.end();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    [server, context, arrived] = [undefined, undefined, []];
  });

  const listen = async (listening: Server): Promise<number> => {
    server = listening.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => listening.listen(0, 'localhost', resolve));
    return (listening.address() as AddressInfo).port;
  };
  const serve = (behave: Behaviour): Promise<number> =>
    listen(
      createServer((socket) => {
        socket.on('data', (bytes) => {
          const [, method] = /^([A-Z]+) \/v3\//.exec(bytes.toString('latin1')) ?? [];
          if (method === undefined) return;
          arrived.push(method);
          behave(socket);
        });
      }),
    );
  const connect = (baseUrl: string): TestContext =>
    (context = merchantContext(
      testOptions({
        baseUrl,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { retries: 2, attemptTimeoutMs: 200, timeoutMs: DEADLINE_MS },
      }),
    ));

  /** Both kinds of call; each ends in time, and a refund is sent once. */
  const expectBoth = async (read: string, write: string): Promise<void> => {
    const begun = performance.now();
    const shop = context as TestContext;
    await expect(rejection(shop.http.get('/v3/x'))).resolves.toMatchObject({ code: read });
    expect(performance.now() - begun).toBeLessThan(DEADLINE_MS + 300);
    const reads = arrived.length;
    expect(reads).toBeLessThanOrEqual(3);
    const error = await rejection(shop.client.refunds.create(refund));
    expect(error).toMatchObject({ code: write });
    expect(performance.now() - begun).toBeLessThan(2 * (DEADLINE_MS + 300));
    expect(arrived.length - reads).toBeLessThanOrEqual(1);
  };

  it.each(Object.entries(faults))('answers with %s', async (_, { behave, read, write }) => {
    connect(`http://localhost:${await serve(behave)}`);
    await expectBoth(read, write);
  });

  it('resets connections before a request has come', async () => {
    const port = await listen(createServer((socket) => socket.resetAndDestroy()));
    const shop = connect(`http://localhost:${port}`);
    await expect(rejection(shop.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    // whether its bytes had left by then, nobody can tell
    const { code } = await rejection(shop.client.refunds.create(refund));
    expect(['CONNECTION_FAILED', 'RESULT_UNKNOWN']).toContain(code);
  });

  it('closes the kept connection in the moment of its reuse: a read is repeated, a refund is not', async () => {
    let isFirst = true;
    const port = await serve((socket) => {
      if (isFirst) socket.write(answer());
      else socket.destroy(); // as at the end of its eight seconds
      isFirst = !isFirst;
    });
    const shop = connect(`http://localhost:${port}`);
    await shop.http.get('/v3/x');
    await expect(shop.http.get('/v3/x')).resolves.toMatchObject({ data: { ok: true } });
    expect(arrived).toEqual(['GET', 'GET', 'GET']);
    await expect(rejection(shop.client.refunds.create(refund))).resolves.toMatchObject({
      code: 'RESULT_UNKNOWN',
    });
    expect(arrived).toEqual(['GET', 'GET', 'GET', 'POST']);
  });

  it('shows a TLS certificate of another host', async () => {
    const identity = tlsIdentity('other', { commonName: 'other.example' });
    const port = await listen(createTlsServer(identity, () => undefined));
    context = merchantContext(
      testOptions({
        baseUrl: `https://localhost:${port}`,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { retries: 2, timeoutMs: DEADLINE_MS, tls: { ca: identity.cert } },
      }),
    );
    await expectBoth('CONNECTION_FAILED', 'CONNECTION_FAILED');
  });

  it('speaks only a TLS that is too old', async () => {
    const identity = tlsIdentity('platform', { commonName: 'localhost' });
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    const port = await listen(createTlsServer({ ...identity, ...old } as never, () => undefined));
    context = merchantContext(
      testOptions({
        baseUrl: `https://localhost:${port}`,
        platform: { certificates: false, publicKey: publicKeyOption('platform') },
        http: { retries: 2, timeoutMs: DEADLINE_MS, tls: { ca: identity.cert } },
      }),
    );
    await expectBoth('CONNECTION_FAILED', 'CONNECTION_FAILED');
  });

  it('has a name that nobody knows', async () => {
    connect('https://wechatpay.invalid');
    await expectBoth('CONNECTION_FAILED', 'CONNECTION_FAILED');
  });
});
