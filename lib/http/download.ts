import { WechatPayApiError, WechatPayRequestError } from '../errors/index.js';
import {
  Deadline,
  parseRetryAfter,
  requestIdOf,
  splitPlatformUrl,
  type RawStream,
} from '../transport/index.js';
import { protocolHeaders } from './headers.js';
import type { WechatPayStream } from './http.interface.js';
import type { CallParts } from './signed-call.js';
import { signRequest } from './signing.js';
import { buildTarget } from './target.js';
import { isUnsignedDownload } from './unsigned-downloads.js';

/** Limits of a download, checked. */
export interface DownloadLimits {
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Fetches a file that the platform does not sign, once.
 *
 * @param pathOrUrl a path, or a URL as the platform handed it out
 * @throws as `WechatPayHttpService.stream`
 */
export async function download(
  parts: CallParts,
  pathOrUrl: string,
  { headersTimeoutMs, idleTimeoutMs, signal }: DownloadLimits,
): Promise<WechatPayStream> {
  const { credentials, transport, clock } = parts;
  const { origin, target } = placeOf(parts, pathOrUrl);
  const deadline = new Deadline(headersTimeoutMs, signal);
  try {
    const credential = await deadline.race(credentials.get());
    const signed = await signRequest(credential, 'GET', target, '', clock(), deadline);
    const certificates = parts.certificates();
    // No answer is verified here, but the platform counts which key each request asks for.
    const serial = certificates.requestKey()?.id;
    certificates.countSent(serial);
    const headers = protocolHeaders(signed.authorization, undefined, serial, '*/*');
    const answer = await transport.stream(
      { origin, method: 'GET', target, headers, body: undefined, attempt: 1 },
      deadline,
      { idleTimeoutMs, signal },
    );
    const { status, body } = answer;
    if (status < 200 || status >= 300) throw await refusal(answer, parts, target, deadline);
    return { status, requestId: requestIdOf(answer.headers), headers: answer.headers, body };
  } finally {
    deadline.dispose();
  }
}

function placeOf(
  { origins, resilience }: CallParts,
  pathOrUrl: string,
): { origin: string; target: string } {
  const isUrl = typeof pathOrUrl === 'string' && !pathOrUrl.startsWith('/');
  const place = isUrl
    ? splitPlatformUrl(pathOrUrl, origins)
    : { origin: '', target: buildTarget(pathOrUrl) };
  if (!isUnsignedDownload(place.target)) {
    throw new WechatPayRequestError('Only file downloads can be streamed: use get() for the rest');
  }
  if (isUrl) return place;
  const { origin } = resilience.hosts.choose(origins, { inVain: [], mayProbe: false });
  return { origin, target: place.target };
}

async function refusal(
  { status, headers, body }: RawStream,
  { clock, noteClock }: CallParts,
  target: string,
  deadline: Deadline,
): Promise<WechatPayApiError> {
  const { date } = headers;
  if (typeof date === 'string') noteClock(date);
  // the status says enough when the rest does not come in time
  const text = await deadline
    .race(readBounded(body, MAX_ERROR_BYTES))
    .catch(() => Buffer.alloc(0))
    .finally(() => body.destroy());
  const requestId = requestIdOf(headers);
  const retryAfterMs = parseRetryAfter(headers['retry-after'], clock());
  return new WechatPayApiError({
    method: 'GET',
    target,
    status,
    body: text,
    requestId,
    retryAfterMs,
  });
}

/** The start of a body whose rest is of no interest. */
async function readBounded(body: AsyncIterable<unknown>, maximum: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maximum) break;
  }
  return Buffer.concat(chunks).subarray(0, maximum);
}
