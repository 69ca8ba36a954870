import type { IncomingMessage } from 'node:http';
import { GatewayError } from './platform-error.js';

/**
 * Reads a request's body as it came.
 *
 * @throws {GatewayError} 413 when it is longer than `limit` bytes
 * @internal
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const bytes of pieces) {
    size += bytes.length;
    if (size > limit) throw new GatewayError(413, true);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}

/** UTF-8 JSON, or `undefined` when it is neither. @internal */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** The media type of a `Content-Type` header, without its parameters. @internal */
export function mediaType(header: string = ''): string {
  const [type = ''] = header.split(';', 1);
  return type.trim().toLowerCase();
}
