import { Agent, request } from 'node:http';
import { createConnection, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Logger, type LoggerService } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { WechatPayEmulator, type WechatPayEmulatorOptions } from 'nestjs-wechatpay-emulator';
import { quietly } from '../../emulator/lib/quiet-logger.js';
import { Merchant, send, startNotifyServer } from './support/merchant.js';

/** Resolves once somebody accepts the connection. */
function connect(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, timeout: 5000 });
    const end = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.once('connect', () => end(resolve));
    socket.once('timeout', () => end(() => reject(new Error('no answer'))));
    socket.once('error', (error) => end(() => reject(error)));
  });
}

describe('An emulator', () => {
  it('starts on a free port of 127.0.0.1, several at once, apart from each other', async () => {
    const [first, second] = await Promise.all([
      WechatPayEmulator.start(),
      WechatPayEmulator.start({ port: 0 }),
    ]);
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(second.url).not.toBe(first.url);
    await new Merchant(first).native('APART-0001');
    expect((await new Merchant(second).query('APART-0001')).status).toBe(404);
    await second.rotate();
    expect(first.keys.signing).not.toBe(second.keys.signing);
    await Promise.all([first.close(), second.close()]);
  });

  it('is reached through loopback only', async () => {
    const listen = jest.spyOn(Server.prototype, 'listen');
    const emulator = await WechatPayEmulator.start();
    try {
      const [server] = listen.mock.contexts as Server[];
      expect(server?.address()).toMatchObject({ address: '127.0.0.1', port: emulator.port });
      const addresses = Object.values(networkInterfaces())
        .flatMap((found) => found ?? [])
        .filter(({ internal, scopeid }) => !internal && !scopeid)
        .map(({ address }) => address);
      for (const address of addresses) {
        await expect(connect(address, emulator.port)).rejects.toThrow();
      }
    } finally {
      listen.mockRestore();
      await emulator.close();
    }
  });

  it('gives ready options, for any of its merchants, with anything replaced', async () => {
    const emulator = await WechatPayEmulator.start({ notifyUrl: 'http://127.0.0.1:1/notify' });
    const added = await emulator.addMerchant({ name: 'Shop B' });
    try {
      expect(emulator.options()).toEqual({
        mchid: '1900000001',
        appid: 'wxemulator00000001',
        credential: {
          privateKey: expect.stringMatching(/^-----BEGIN PRIVATE KEY-----/),
          certificate: expect.stringMatching(/^-----BEGIN CERTIFICATE-----/),
          apiV3Key: emulator.apiV3Key,
        },
        platform: {
          certificates: true,
          publicKey: { id: emulator.publicKey.id, key: emulator.publicKey.key },
        },
        notifyUrl: 'http://127.0.0.1:1/notify',
        baseUrl: emulator.url,
        backupUrl: false,
      });
      expect(added).toMatchObject({
        mchid: '1900000002',
        appid: 'wxemulator00000002',
        name: 'Shop B',
      });
      const other = emulator.options({ mchid: added.mchid, platform: { certificates: true } });
      expect(other).toMatchObject({
        mchid: added.mchid,
        credential: { certificate: added.certificate, apiV3Key: added.apiV3Key },
        platform: { certificates: true },
      });
      expect(other.platform).not.toHaveProperty('publicKey');
      expect(() => emulator.options({ mchid: '1900009999' })).toThrow(TypeError);
      await expect(emulator.addMerchant({ mchid: added.mchid })).rejects.toThrow('exists already');
      await expect(emulator.addMerchant({ mchid: '../../etc' })).rejects.toThrow(TypeError);
      await expect(emulator.addMerchant({ apiV3Key: 'k'.repeat(31) })).rejects.toThrow(
        'apiV3Key must be 32 bytes',
      );
      await expect(emulator.addMerchant({ appids: [] })).rejects.toThrow('at least one appid');
      expect(emulator.merchants).toHaveLength(2);
    } finally {
      await emulator.close();
    }
  });

  it.each<WechatPayEmulatorOptions>([
    { port: -1 },
    { port: 65_536 },
    { port: 1.5 },
    { mode: 'neither' as 'both' },
    { scale: -1 },
    { scale: Number.NaN },
    { notifyTimeoutMs: 0 },
    { refundDelayMs: -1 },
    { publicKeyShare: 2 },
    { maxOrders: 0 },
  ])('does not start with %j', async (options) => {
    await expect(WechatPayEmulator.start(options)).rejects.toThrow(RangeError);
  });

  it('says in one sentence that its port is taken, and how to go on', async () => {
    const write = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const first = await WechatPayEmulator.start();
    try {
      const { port } = first;
      await expect(WechatPayEmulator.start({ port })).rejects.toMatchObject({
        code: 'EADDRINUSE',
        message: `port ${port} of 127.0.0.1 is in use (EADDRINUSE); use port 0 or another port`,
      });
      expect(write).not.toHaveBeenCalled();
    } finally {
      write.mockRestore();
      await first.close();
    }
  });

  it('closes at once while connections are kept, answers held back, notifications pending', async () => {
    const shop = await startNotifyServer(() => ({ hang: true }));
    const emulator = await WechatPayEmulator.start();
    const merchant = new Merchant(emulator);
    const agent = new Agent({ keepAlive: true });
    await new Promise((resolve) => {
      request(`${emulator.url}/v3/x`, { agent }, (answer) =>
        answer.resume().on('end', resolve),
      ).end();
    });
    await merchant.native('CLOSING-001', { notify_url: shop.url });
    emulator.pay('CLOSING-001');
    await shop.nth(0);
    emulator.addFault({ kind: 'delay', delayMs: 60_000 });
    const held = merchant.get('/v3/certificates').then(
      () => 'answered',
      () => 'cut',
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    const started = performance.now();
    await emulator.close();
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await held).toBe('answered');
    await emulator.close();
    await expect(send(emulator.url, { path: '/' })).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
    await shop.close();
  });

  it('leaves the logger of the program that it runs in alone, and says nothing', async () => {
    const write = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const lines: unknown[] = [];
    const own = { log: (line: unknown) => lines.push(line), error: () => 0, warn: () => 0 };
    Logger.overrideLogger(own);
    try {
      const emulator = await WechatPayEmulator.start();
      Logger.log('mine', 'Own');
      await emulator.close();
      expect(lines).toEqual(['mine']);
      expect(write).not.toHaveBeenCalled();
    } finally {
      Logger.overrideLogger(true as never);
      write.mockRestore();
    }
  });

  it('mutes what Nest says of a start, and nothing that others say meanwhile', async () => {
    const lines: unknown[] = [];
    const line =
      (level: string) =>
      (...parts: unknown[]): unknown =>
        lines.push([level, ...parts]);
    const levels = ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'] as const;
    const own = Object.fromEntries(levels.map((level) => [level, line(level)]));
    Logger.overrideLogger(own as unknown as LoggerService);
    try {
      await quietly(async () => {
        Logger.log('Starting Nest application...', 'NestFactory');
        Logger.error('boom', 'RouterExplorer');
        for (const level of levels) Logger[level]('mine', 'Own');
      });
      Logger.log('mine again', 'NestFactory');
    } finally {
      Logger.overrideLogger(true as never);
    }
    expect(lines).toEqual([
      ...levels.map((level) => [level, 'mine', 'Own']),
      ['log', 'mine again', 'NestFactory'],
    ]);
  });
});
