import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { HttpStatus, type INestApplication } from '@nestjs/common';
import { WechatPayConfigurationError } from '../errors/index.js';
import { failBody, NotifyException } from './notify.exceptions.js';
import { MAX_NOTIFICATION_BYTES } from './notify-request.js';

/**
 * Where raw bodies are kept.
 *
 * @publicApi
 */
export interface WechatPayRawBodyOptions {
  /** Path of the notification route as it is requested, global prefix included; what lies below it too. */
  readonly path: string;
  /** Largest body in bytes, 1 to 2,097,152. @default 2097152 */
  readonly limit?: number | undefined;
}

const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;
/** The platform itself gives up after five seconds; Fastify sets no limit of its own. */
const LONGEST_READ_MS = 10_000;
const TOO_LARGE = '报文过大';

/** A request while its body is read; both platforms look for `rawBody`. */
interface RawBodyRequest {
  rawBody?: Buffer;
}

/** The part of Fastify that is used; its types are not a dependency of ours. */
interface FastifyLike {
  addHook(name: 'onRoute', hook: (route: { url: string; bodyLimit?: number }) => void): void;
  addHook(
    name: 'preParsing',
    hook: (
      request: RawBodyRequest & { url: string; routeOptions: { url?: string } },
      reply: unknown,
      payload: Readable,
    ) => Promise<Readable & { receivedEncodedLength?: number }>,
  ): void;
}

/**
 * Reads the bodies of the notification route raw, before any parser and with a limit of its own: the
 * parsers' defaults (100 kB on Express, 1 MiB on Fastify) refuse genuine large notifications.
 * Works on Express and Fastify; call it before `app.listen()` or `app.init()`. A body that takes longer
 * than ten seconds is cut off.
 *
 * @throws {WechatPayConfigurationError} for a path that does not start with `/` or a limit out of
 * range
 * @publicApi
 */
export function useWechatPayRawBody(app: INestApplication, options: WechatPayRawBodyOptions): void {
  const limit = options.limit ?? MAX_NOTIFICATION_BYTES;
  const hasPath = typeof options.path === 'string' && options.path.startsWith('/');
  if (!hasPath || !(limit >= 1 && limit <= MAX_NOTIFICATION_BYTES)) {
    throw new WechatPayConfigurationError([
      `useWechatPayRawBody needs a path that starts with / and a limit from 1 to ${MAX_NOTIFICATION_BYTES} bytes`,
    ]);
  }
  const path = options.path.replace(/\/+$/, '');
  const adapter = app.getHttpAdapter();
  if (adapter.getType() === 'fastify')
    useOnFastify(adapter.getInstance() as FastifyLike, path, limit);
  else useOnExpress(app, path, limit);
}

function useOnExpress(app: INestApplication, path: string, limit: number): void {
  app.use(
    path === '' ? '/' : path,
    (
      request: IncomingMessage & RawBodyRequest,
      response: ServerResponse,
      next: (error?: unknown) => void,
    ) => {
      // Read already: for an enclosing path, or by a parser that came first and kept nothing.
      if (request.rawBody || request.readableDidRead) return next();
      readAll(request, limit).then(
        (body) => {
          if (body) {
            request.rawBody = body;
            next();
          } else refuse(response);
        },
        () => response.destroy(), // the sender went away in the middle
      );
    },
  );
}

function useOnFastify(fastify: FastifyLike, path: string, limit: number): void {
  // Fastify compares Content-Length with the route's limit before anything reads the body.
  fastify.addHook('onRoute', (route) => {
    if (isBelow(route.url, path)) route.bodyLimit = Math.max(route.bodyLimit ?? 0, limit);
  });
  fastify.addHook('preParsing', async (request, _reply, payload) => {
    // The route tells as well: a path may be spelt in other ways, such as with %-escapes.
    const isOurs = isBelow(request.url, path) || isBelow(request.routeOptions.url ?? '', path);
    if (!isOurs || request.rawBody) return payload; // read already for an enclosing path
    const body = await readAll(payload, limit).catch(() => {
      throw new NotifyException(HttpStatus.BAD_REQUEST, '报文不完整');
    });
    if (!body) throw new NotifyException(HttpStatus.PAYLOAD_TOO_LARGE, TOO_LARGE);
    // With `rawBody: true` Nest would put what its parser sees in place of it.
    Object.defineProperty(request, 'rawBody', { get: () => body, set: () => {} });
    // The parser gets an empty object in place of bytes that nobody has verified.
    const replacement: Readable & { receivedEncodedLength?: number } = Readable.from([
      Buffer.from('{}'),
    ]);
    replacement.receivedEncodedLength = body.length;
    return replacement;
  });
}

/**
 * The whole body, or `undefined` when it is larger than the limit. What is too much is read and
 * thrown away, within a bound: a sender that is cut off while it writes never sees the answer. One that
 * takes too long is cut off.
 */
async function readAll(stream: Readable, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => stream.destroy(), LONGEST_READ_MS);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit + MAX_DISCARDED_BYTES) return undefined;
      if (size <= limit) chunks.push(chunk);
      else chunks.length = 0;
    }
  } finally {
    clearTimeout(timer);
  }
  return size > limit ? undefined : Buffer.concat(chunks);
}

function refuse(response: ServerResponse): void {
  response.statusCode = 413;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('connection', 'close');
  response.end(JSON.stringify(failBody(TOO_LARGE)));
}

function isBelow(url: string, path: string): boolean {
  const [plain = ''] = url.split('?', 1);
  return path === '' || plain === path || plain.startsWith(`${path}/`);
}
