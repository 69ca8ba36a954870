import {
  WechatPayApiError,
  WechatPayError,
  WechatPayTransportError,
  WechatPayUnknownResultError,
} from '../errors/index.js';
import type { HttpMethod } from './http.interface.js';

/** What failed after a write was sent has an unknown result; a read can simply be repeated. */
export function classify(error: unknown, method: HttpMethod, isAnswered: boolean): unknown {
  if (method === 'GET' || !(error instanceof WechatPayError)) return error;
  // An answer that came is an answer to something sent, whatever kept us from believing it.
  const isUnknown = isAnswered ? !(error instanceof WechatPayApiError) : isSentFailure(error);
  if (!isUnknown) return error;
  return new WechatPayUnknownResultError(
    `The ${method} was sent, and its result is not known (${error.code}: ${error.message}). Query by your own number, or repeat it with the identical number and parameters`,
    { cause: error, requestId: error.requestId },
  );
}

function isSentFailure(error: WechatPayError): boolean {
  return error instanceof WechatPayTransportError && error.wasSent;
}

/** The start of a body whose rest is of no interest. */
export async function readBounded(body: AsyncIterable<unknown>, maximum: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maximum) break;
  }
  return Buffer.concat(chunks).subarray(0, maximum);
}
