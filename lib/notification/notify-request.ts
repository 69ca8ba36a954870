import type { ReceivedNotification } from './received-notification.js';
import { TOKEN_PREFIX } from '../version.js';

/** What we use of a request of Express or Fastify. */
export interface NotifyRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes received, set by Nest (`rawBody: true`) or by `useWechatPayRawBody`. */
  rawBody?: Buffer | undefined;
}

/** Larger bodies are refused; the platform's ciphertext is at most 1 MiB of text. */
export const MAX_NOTIFICATION_BYTES = 2 * 1024 * 1024;

const EMPTY = Buffer.alloc(0);

/** Whether the content type is JSON, whatever its parameters. */
export function isJsonRequest(request: NotifyRequest): boolean {
  const type = request.headers['content-type'];
  return typeof type === 'string' && /^application\/json\s*(?:;|$)/i.test(type);
}

/**
 * The bytes of the body, or `undefined` when nobody kept them. A request without a body has zero
 * bytes: the frameworks keep nothing then.
 */
export function rawBodyOf(request: NotifyRequest): Buffer | undefined {
  if (Buffer.isBuffer(request.rawBody)) return request.rawBody;
  const { headers } = request;
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || (length ?? '0') !== '0';
  return hasBody ? undefined : EMPTY;
}

/**
 * Where a request carries its notification; the same for all copies of this package in a process.
 */
const NOTIFICATION = Symbol.for(`${TOKEN_PREFIX}:notification`);
interface Received {
  [NOTIFICATION]?: ReceivedNotification;
}

/** Keeps the verified notification on its request. */
export function setNotification(request: object, notification: ReceivedNotification): void {
  (request as Received)[NOTIFICATION] = notification;
}

/** The verified notification of a request, if the guard let it pass. */
export function getNotification(request: object): ReceivedNotification | undefined {
  return (request as Received)[NOTIFICATION];
}
