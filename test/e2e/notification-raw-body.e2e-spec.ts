import { request as httpRequest } from 'node:http';
import { afterEach, beforeAll, afterAll, describe, expect, it, jest } from '@jest/globals';
import { Body, Controller, Module, Post } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  useWechatPayRawBody,
  WechatPayConfigurationError,
  WechatPayModule,
  WechatPayNotification,
  WechatPayNotify,
} from 'nestjs-wechatpay';
import { WechatPayEmulator, type EmulatorSignedNotification } from 'nestjs-wechatpay-emulator';
import { fakeTimeouts } from '../support/fake-timeouts.js';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp, type NotifyAppOptions, type PlatformName } from '../support/notify-app.js';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 0x20);
const PLATFORMS: readonly PlatformName[] = ['express', 'fastify'];

describe.each(PLATFORMS)('the raw body on %s', (platform) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp | undefined;
  const received: { payload: { attach?: string } }[] = [];

  @Controller()
  class AppController {
    @Post(['wechatpay/notify', 'wechatpay/notify/deeper', 'wechatpay/:shop/notify'])
    @WechatPayNotify()
    handle(@WechatPayNotification() notification: { payload: { attach?: string } }): void {
      received.push(notification);
    }

    @Post(['echo', 'wechatpay/notify-not'])
    echo(@Body() body: unknown): unknown {
      return body;
    }
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });

  afterEach(async () => {
    received.length = 0;
    await app?.close();
    app = undefined;
  });

  afterAll(() => emulator.close());

  async function start(options: Omit<NotifyAppOptions, 'platform'>): Promise<NotifyApp> {
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options())],
      controllers: [AppController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, ...options });
    return app;
  }

  it('that nobody kept is our fault: 5xx, with a message that says how to turn it on', async () => {
    const { post, logger } = bind(await start({ rawBody: 'none' }));
    const answer = await post({ ...paidNotification(emulator) });
    expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL' } });
    expect(answer.text).toContain('rawBody: true');
    expect(answer.text).toContain('useWechatPayRawBody');
    expect(logger.textOf('error')).toContain('rawBody: true');
    expect((await post({ ...paidNotification(emulator), isChunked: true })).status).toBe(500);
    expect(received).toEqual([]);
  });

  it('that nobody kept is told of in the log only, in production', async () => {
    const { post, logger } = bind(await start({ rawBody: 'none' }));
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      const answer = await post(paidNotification(emulator));
      expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL', message: '处理失败' } });
    } finally {
      process.env['NODE_ENV'] = before;
    }
    expect(logger.textOf('error')).toContain('rawBody: true');
  });

  it('is not missed where there is no body', async () => {
    const { post } = bind(await start({ rawBody: 'none' }));
    const { headers } = paidNotification(emulator);
    const answer = await post({ headers, body: '' });
    expect(answer.status).toBe(platform === 'fastify' ? 400 : 401);
    expect(answer.text).not.toContain('rawBody');
  });

  it('is not missed for another content type', async () => {
    const { post } = bind(await start({ rawBody: 'none' }));
    const made = paidNotification(emulator, { headers: { 'content-type': 'text/plain' } });
    expect(await post(made)).toMatchObject({ status: 415, json: { code: 'FAIL' } });
  });

  it.each([
    'application/json;',
    'application/json; =x',
    'application/json; charset',
    'application/json; a=b; c',
  ])('is not missed for the odd content type %s', async (type) => {
    const { post, logger } = bind(await start({ rawBody: 'rawBody' }));
    const made = paidNotification(emulator, { headers: { 'content-type': type } });
    const answer = await post(made);
    expect([204, 400, 401, 415]).toContain(answer.status);
    expect(logger.textOf('error')).toBe('');
  });

  it('of 1.5 MB is accepted with the helper, past the parsers’ own limits', async () => {
    const attach = 'x'.repeat(1_120_000);
    for (const rawBody of ['helper', 'rawBody'] as const) {
      const { post, close } = bind(await start({ rawBody }));
      const made = paidNotification(emulator, {}, { attach });
      expect(made.body.length).toBeGreaterThan(1_490_000);
      expect((await post(made)).status).toBe(rawBody === 'helper' ? 204 : 413);
      expect(received).toHaveLength(rawBody === 'helper' ? 1 : 0);
      received.length = 0;
      await close();
    }
  });

  it('is held to 2 MiB, and to a smaller limit of the application’s', async () => {
    const limit = 10_000;
    const { post } = bind(await start({ rawBody: 'helper', limit }));
    const fits = paidNotification(emulator, {}, { attach: 'x'.repeat(6_000) });
    const over = paidNotification(emulator, {}, { attach: 'x'.repeat(8_000) });
    expect([fits.body.length < limit, over.body.length > limit]).toEqual([true, true]);
    expect((await post(fits)).status).toBe(204);
    const refused = { status: 413, json: { code: 'FAIL', message: '报文过大' } };
    expect(await post(over)).toMatchObject(refused);
    expect(await post({ ...over, isChunked: true })).toMatchObject(refused);
  });

  it('is held to 2 MiB by the guard as well, where a parser takes more', async () => {
    const { post } = bind(
      await start({
        rawBody: 'rawBody',
        configure: (created) => {
          const parsers = created as NestExpressApplication;
          if (platform === 'express') parsers.useBodyParser('json', { limit: '10mb' });
          else parsers.useBodyParser('application/json' as 'json', { bodyLimit: 1e7 } as object);
        },
      }),
    );
    const [fits, over] = [1_400_000, 1_600_000].map((length) =>
      paidNotification(emulator, {}, { attach: 'x'.repeat(length) }),
    );
    expect((await post(fits as EmulatorSignedNotification)).status).toBe(204);
    expect(await post(over as EmulatorSignedNotification)).toMatchObject({
      status: 413,
      json: { code: 'FAIL', message: '报文过大' },
    });
    expect(received).toHaveLength(1);
  });

  it('of 11 MB is cut off or refused, and the next one is heard', async () => {
    const { post } = bind(await start({ rawBody: 'helper' }));
    const made = paidNotification(emulator, { body: Buffer.alloc(11 * 1024 * 1024, 0x20) });
    for (const isChunked of [true, false]) {
      const outcome = await post({ ...made, isChunked }).then(
        ({ status }) => status,
        ({ code }: { code: string }) => code,
      );
      expect([413, 'ECONNRESET', 'EPIPE']).toContain(outcome);
    }
    expect((await post(paidNotification(emulator))).status).toBe(204);
    expect(received).toHaveLength(1);
  });

  it('without an end is cut off some megabytes past the limit, and the next one is heard', async () => {
    const started = await start({ rawBody: 'helper', limit: 10_000 });
    const sent = await sendWithoutEnd(started.port, 64 * MIB);
    // what the library reads and throws away, and what waits in the buffers between
    expect(sent).toBeGreaterThan(8 * MIB);
    expect(sent).toBeLessThan(48 * MIB);
    expect((await started.post(paidNotification(emulator))).status).toBe(204);
    expect(received).toHaveLength(1);
  });

  it('that does not end is cut off after ten seconds', async () => {
    const { port } = await start({ rawBody: 'helper' });
    fakeTimeouts();
    try {
      const { headers } = paidNotification(emulator);
      const sent = httpRequest({
        host: '127.0.0.1',
        port,
        path: '/wechatpay/notify',
        method: 'POST',
        headers: { ...headers, 'content-length': 1_000 },
      });
      const closed = new Promise<string>((resolve) => {
        sent.on('error', ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
        sent.on('response', ({ statusCode }) => resolve(String(statusCode)));
      });
      sent.write('{');
      while (jest.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
      jest.advanceTimersByTime(9_999);
      expect(jest.getTimerCount()).toBe(1);
      jest.advanceTimersByTime(1);
      await expect(closed).resolves.toBe('ECONNRESET');
      expect(received).toEqual([]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('is left alone where there is no route', async () => {
    const { post } = bind(await start({ rawBody: 'helper' }));
    const headers = { 'content-type': 'application/json' };
    expect((await post({ headers, body: '{}', path: '/nowhere' })).status).toBe(404);
  });

  it('is left to the parsers on every other route', async () => {
    const { post } = bind(await start({ rawBody: 'helper' }));
    for (const path of ['/echo', '/wechatpay/notify-not']) {
      const headers = { 'content-type': 'application/json' };
      const answer = await post({ headers, body: '{"a":1}', path });
      expect(answer).toMatchObject({ status: 201, json: { a: 1 } });
    }
  });

  it.each([
    ['a path below', '/wechatpay/notify', '/wechatpay/notify/deeper'],
    ['a query', '/wechatpay/notify', '/wechatpay/notify?x=1'],
    ['a path given with a slash at its end', '/wechatpay/notify/', '/wechatpay/notify'],
    ['every route', '/', '/wechatpay/notify'],
    ['a parameter', '/wechatpay', '/wechatpay/shop-b/notify'],
  ])('is read for %s', async (_, path, target) => {
    const { post } = bind(await start({ rawBody: 'helper', path }));
    expect((await post({ ...paidNotification(emulator), path: target })).status).toBe(204);
  });

  it('is read however the path is spelt, or the route is not there', async () => {
    const { post } = bind(await start({ rawBody: 'helper' }));
    const answer = await post({ ...paidNotification(emulator), path: '/wechatpay/notif%79' });
    expect([204, 404]).toContain(answer.status);
    expect(answer.status).toBe(platform === 'fastify' ? 204 : 404);
  });

  it('is read once where two calls of the helper overlap, and beside rawBody: true', async () => {
    const { post } = bind(
      await start({
        rawBody: 'helper',
        path: '/wechatpay',
        configure: (created) => useWechatPayRawBody(created, { path: '/wechatpay/notify' }),
      }),
    );
    expect((await post(paidNotification(emulator))).status).toBe(204);
    await app?.close();
    const both = bind(
      await start({
        rawBody: 'rawBody',
        configure: (created) => useWechatPayRawBody(created, { path: '/wechatpay/notify' }),
      }),
    );
    expect((await both.post(paidNotification(emulator))).status).toBe(204);
  });

  it.each([
    { path: 'wechatpay/notify' },
    { path: '' },
    { path: '/n', limit: 0 },
    { path: '/n', limit: 2 * 1024 * 1024 + 1 },
    { path: '/n', limit: Number.NaN },
  ])('needs a path with a slash and a limit within bounds, not %j', async (options) => {
    const { app: created } = await start({ rawBody: 'none' });
    expect(() => useWechatPayRawBody(created, options)).toThrow(WechatPayConfigurationError);
  });
});

/** Posts a body that never ends, and gives how much of it went out before the other side ended it. */
function sendWithoutEnd(port: number, atMost: number): Promise<number> {
  return new Promise((resolve) => {
    let sent = 0;
    const path = '/wechatpay/notify';
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', agent: false });
    const more = (): void => {
      do sent += PIECE.length;
      while (outgoing.write(PIECE) && sent < atMost);
      if (sent >= atMost) outgoing.destroy();
    };
    outgoing.on('drain', more);
    outgoing.on('error', () => undefined);
    outgoing.on('response', (answer) => answer.resume());
    outgoing.on('close', () => resolve(sent));
    more();
  });
}

function bind(app: NotifyApp): Pick<NotifyApp, 'post' | 'logger' | 'close'> {
  return { post: (options) => app.post(options), logger: app.logger, close: () => app.close() };
}
