import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post, Res } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  CertificateProvider,
  useWechatPayRawBody,
  WechatPayModule,
  WechatPayNotify,
  type KeyEvent,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { WechatPayEmulator } from 'nestjs-wechatpay-emulator';
import { paidNotification } from '../support/notifications.js';
import { NotifyApp, type NotifyAppOptions, type PlatformName } from '../support/notify-app.js';

const PLATFORMS: readonly PlatformName[] = ['express', 'fastify'];
const OUR_FAULT = { status: 500, json: { code: 'FAIL', message: '处理失败' } };

/** What Express and Fastify have in common for answering by hand. */
interface Answering {
  status(code: number): { send(body?: string): unknown };
}

describe.each(PLATFORMS)('what goes wrong around a handler on %s', (platform) => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(): void {}

    @Post('answered')
    @WechatPayNotify()
    answered(@Res() response: Answering): void {
      response.status(200).send('');
      throw new TypeError('the mail server is away');
    }

    @Post('unanswered')
    @WechatPayNotify()
    unanswered(): void {
      throw new TypeError('the database is away');
    }

    @Post('broken')
    @WechatPayNotify({
      merchant: (_request: unknown): string => {
        throw new TypeError('no shop in the path');
      },
    })
    broken(): void {}
  }

  async function start(
    settings: Partial<NotifyAppOptions> = {},
    options: Partial<WechatPayOptions> = {},
  ): Promise<void> {
    @Module({
      imports: [WechatPayModule.forRoot({ ...emulator.options(), ...options })],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, { platform, rawBody: 'helper', ...settings });
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
  });
  afterEach(() => app.close());
  afterAll(() => emulator.close());

  const post = (path = '/wechatpay/notify') => app.post({ ...paidNotification(emulator), path });

  it('is told as such when the handler had answered: once, as an error, with its stack', async () => {
    await start();
    expect((await post('/wechatpay/notify/answered')).status).toBe(200);
    const errors = app.logger.textOf('error');
    expect(errors).toContain('failed after it had answered');
    expect(errors).toContain('the mail server is away');
    expect(errors).not.toContain('will deliver it again');
    app.logger.clear();
    expect(await post('/wechatpay/notify/unanswered')).toMatchObject(OUR_FAULT);
    expect(app.logger.textOf('error')).toContain('will deliver it again');
    expect(app.logger.textOf('error')).not.toContain('had answered');
  });

  it('is our fault when the function that names the merchant throws: 500, and an error log', async () => {
    await start();
    const answer = await post('/wechatpay/notify/broken');
    expect(answer).toMatchObject(OUR_FAULT);
    expect(answer.text).not.toContain('shop');
    expect(app.logger.textOf('error')).toContain('no shop in the path');
  });

  it('is an event when a genuine notification does not open: the APIv3 key is wrong', async () => {
    const { credential } = emulator.options();
    await start({}, { credential: { ...credential, apiV3Key: 'x'.repeat(32) } });
    const events: KeyEvent[] = [];
    app.app.get(CertificateProvider).keyEvents$.subscribe((event) => events.push(event));
    const genuine = paidNotification(emulator, { signer: 'public-key' });
    expect(await app.post(genuine)).toMatchObject(OUR_FAULT);
    expect(events).toEqual([
      { type: 'api-v3-key-wrong', mchid: emulator.mchid, atMs: expect.any(Number) },
    ]);
    // a stranger cannot cause it
    const forged = paidNotification(emulator, { signer: 'public-key', timestamp: 1 });
    expect((await app.post(forged)).status).toBe(401);
    expect(events).toHaveLength(1);
  });

  it('is nobody’s fault when an upload breaks off: nothing is logged as an error', async () => {
    await start();
    const { headers, body } = paidNotification(emulator);
    const lines = Object.entries({ ...headers, 'content-length': String(body.length) });
    const head = lines.map(([name, value]) => `${name}: ${String(value)}\r\n`).join('');
    for (let count = 0; count < 3; count += 1) {
      await abortedUpload(
        app,
        `POST /wechatpay/notify HTTP/1.1\r\nhost: a\r\n${head}\r\n${String(body).slice(0, 50)}`,
      );
    }
    expect((await post()).status).toBe(204);
    expect(app.logger.textOf('warn', 'error', 'fatal')).toBe('');
  });
});

/** Sends the beginning of a request, goes away once it has arrived, and waits for the end of it. */
async function abortedUpload(app: NotifyApp, text: string): Promise<void> {
  const server = app.app.getHttpServer() as Server;
  const closed = new Promise((resolve) => {
    server.once('connection', (accepted: Socket) => accepted.once('close', resolve));
  });
  const arrived = once(server, 'request');
  const client = connect(app.port, '127.0.0.1');
  client.write(text);
  await arrived;
  client.destroy();
  await closed;
}

describe('a raw body that a parser has read before the helper on express', () => {
  let emulator: WechatPayEmulator;
  let app: NotifyApp;

  @Controller('wechatpay/notify')
  class NotifyController {
    @Post()
    @WechatPayNotify()
    handle(): void {}
  }

  beforeAll(async () => {
    emulator = await WechatPayEmulator.start();
    @Module({
      imports: [WechatPayModule.forRoot(emulator.options())],
      controllers: [NotifyController],
    })
    class AppModule {}
    app = await NotifyApp.start(AppModule, {
      platform: 'express',
      rawBody: 'none',
      configure: (created) => {
        (created as NestExpressApplication).useBodyParser('json'); // express.json(), at once
        useWechatPayRawBody(created, { path: '/wechatpay/notify' });
      },
    });
  });
  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  it('is our fault: 500, not 401, and one line a minute that says what to do', async () => {
    app.logger.clear();
    for (const isChunked of [false, true]) {
      const answer = await app.post({ ...paidNotification(emulator), isChunked });
      expect(answer).toMatchObject({ status: 500, json: { code: 'FAIL' } });
      const errors = app.logger.lines.filter(({ level }) => level === 'error');
      expect(errors).toHaveLength(1);
      expect(errors[0]?.text).toContain('The raw body of the notification is missing');
      expect(errors[0]?.text).toContain('useWechatPayRawBody');
    }
  });
});
