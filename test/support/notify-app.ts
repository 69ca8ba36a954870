import type { AddressInfo } from 'node:net';
import { request as httpRequest, type Agent, type Server } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { useWechatPayRawBody } from 'nestjs-wechatpay';
import { RecordingLogger } from './recording-logger.js';

export type PlatformName = 'express' | 'fastify';
/** How the raw body is kept: by Nest, by our helper, or not at all. */
export type RawBodyMode = 'rawBody' | 'helper' | 'none';

/** Both platforms, each with both ways to keep the raw body. */
export const COMBINATIONS: readonly (readonly [PlatformName, RawBodyMode])[] = [
  ['express', 'rawBody'],
  ['express', 'helper'],
  ['fastify', 'rawBody'],
  ['fastify', 'helper'],
];

/** What came back of a post. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

export interface PostOptions {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Buffer;
  readonly path?: string;
  readonly method?: string;
  readonly agent?: Agent;
  /** Sends the body in pieces without a Content-Length. */
  readonly isChunked?: boolean;
}

export interface NotifyAppOptions {
  readonly platform: PlatformName;
  readonly rawBody: RawBodyMode;
  /** Path given to the helper. @default '/wechatpay/notify' */
  readonly path?: string;
  readonly limit?: number;
  /** What the application does before it listens. */
  readonly configure?: (app: INestApplication) => void;
}

/** An application that listens on a port of its own, its log, and a way to post to it. */
export class NotifyApp {
  private constructor(
    readonly app: INestApplication,
    readonly logger: RecordingLogger,
    readonly port: number,
  ) {}

  static async start(root: Type, options: NotifyAppOptions): Promise<NotifyApp> {
    const logger = new RecordingLogger();
    const settings = {
      logger,
      rawBody: options.rawBody === 'rawBody',
      abortOnError: false,
      forceCloseConnections: true,
    };
    const app =
      options.platform === 'express'
        ? await NestFactory.create(root, settings)
        : await NestFactory.create(root, new FastifyAdapter() as never as ExpressAdapter, settings);
    if (options.rawBody === 'helper') {
      const { path = '/wechatpay/notify', limit } = options;
      useWechatPayRawBody(app, { path, limit });
    }
    options.configure?.(app);
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    return new NotifyApp(app, logger, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Posts exactly these headers and bytes; an array sends a header once for each value. */
  post(options: PostOptions): Promise<Answer> {
    const { body, path = '/wechatpay/notify', method = 'POST', agent, isChunked } = options;
    const headers = Object.entries(options.headers).map(([name, value]): [string, string[]] => [
      name,
      [value].flat(),
    ]);
    const length: [string, string][] =
      isChunked === true ? [] : [['content-length', String(Buffer.byteLength(body))]];
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        {
          host: '127.0.0.1',
          port: this.port,
          path,
          method,
          agent: agent ?? false,
          headers: Object.fromEntries([...length, ...headers]),
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: incoming.statusCode ?? 0, text, json: parse(text) });
          });
        },
      );
      outgoing.on('error', reject);
      if (isChunked === true) outgoing.write(Buffer.from(body).subarray(0, 10));
      outgoing.end(isChunked === true ? Buffer.from(body).subarray(10) : body);
    });
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
