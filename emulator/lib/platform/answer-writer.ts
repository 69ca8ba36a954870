import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { EmulatorClock } from '../clock/clock.js';
import { pause } from '../clock/pause.js';
import type { EmulatorFault } from '../faults/fault.js';
import { signatureHeaders } from '../keys/signature-headers.js';
import type { PlatformSigner } from '../keys/platform-keys.js';
import { internalCodes } from './internal-codes.js';

/** An answer before it is signed. @internal */
export interface Answer {
  readonly status: number;
  /** Without a body: an empty buffer. */
  readonly body: Buffer;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The error code, when it is one: it shows in `Request-ID`. */
  readonly code?: string;
}

/** Writes answers: signs them, and spoils them when a fault asks for it. @internal */
export class AnswerWriter {
  private readonly closing = new AbortController();

  constructor(private readonly clock: EmulatorClock) {
    setMaxListeners(0, this.closing.signal);
  }

  /** Ends the waits of `delay` faults. */
  close(): void {
    this.closing.abort();
  }

  /** Sends the answer, signed when there is a signer. */
  async send(
    response: ServerResponse,
    answer: Answer,
    signer?: PlatformSigner,
    fault?: EmulatorFault,
  ): Promise<void> {
    const spoiled = fault === undefined ? answer : replaced(answer, fault);
    switch (fault?.kind) {
      case 'drop-after-commit':
        response.destroy();
        return;
      case 'delay':
        await pause(fault.delayMs ?? 1000, this.closing.signal);
        break;
    }
    const isUnsigned =
      fault?.kind === 'html-200' || fault?.kind === 'redirect' || fault?.signed === false;
    const { body } = spoiled;
    const headers = {
      Date: new Date(this.clock.now()).toUTCString(),
      ...head(spoiled),
      ...(signer === undefined || isUnsigned
        ? {}
        : signatureHeaders(signer, body, this.clock.seconds(), fault)),
    };
    if (response.destroyed) return;
    response.writeHead(spoiled.status, headers);
    if (fault?.kind !== 'truncated-body') {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
  }

  /** Answers instead of the operation. */
  async sendGatewayFault(response: ServerResponse, { kind }: EmulatorFault): Promise<void> {
    switch (kind) {
      case 'drop':
        response.destroy();
        return;
      case 'html-502':
        return this.send(response, {
          status: 502,
          contentType: 'text/html',
          body: Buffer.from(
            '<html><head><title>502 Bad Gateway</title></head><body></body></html>',
          ),
        });
      case 'status-429':
        return this.send(
          response,
          errorAnswer(429, { code: 'FREQUENCY_LIMITED', message: '频率超限，请降低请求频率' }),
        );
      default:
        return this.send(
          response,
          errorAnswer(500, { code: 'SYSTEM_ERROR', message: '系统异常，请稍后重试' }),
        );
    }
  }
}

/** An error as an answer. @internal */
export function errorAnswer(status: number, body: { code: string; message: string }): Answer {
  return { status, body: Buffer.from(JSON.stringify(body)), code: body.code };
}

function head({
  status,
  body,
  contentType,
  headers,
  code,
}: Answer): Record<string, string | number> {
  return {
    Server: 'nestjs-wechatpay-emulator',
    'Cache-Control': 'no-cache, must-revalidate',
    'X-Content-Type-Options': 'nosniff',
    'Request-ID': requestId(status, code),
    ...(body.length === 0
      ? {}
      : { 'Content-Type': contentType ?? 'application/json; charset=utf-8' }),
    ...(status === 204 ? {} : { 'Content-Length': body.length }),
    ...headers,
  };
}

/** An identifier and, after the last dash, an internal code; 0 is success. */
function requestId(status: number, code: string | undefined): string {
  const internal = status < 300 ? 0 : (internalCodes[code ?? ''] ?? 268_435_456);
  return `${randomBytes(20).toString('hex').toUpperCase()}-${internal}`;
}

/** The answer that a fault puts in the place of the real one. */
function replaced(answer: Answer, fault: EmulatorFault): Answer {
  switch (fault.kind) {
    case 'large-body': {
      const empty = '{"padding":""}';
      const padding = 'x'.repeat(Math.max((fault.bytes ?? 10 * 1024 * 1024) - empty.length, 0));
      return { ...answer, body: Buffer.from(`{"padding":"${padding}"}`) };
    }
    case 'html-200':
      return {
        status: 200,
        contentType: 'text/html',
        body: Buffer.from('<html><body>Please log in to the network</body></html>'),
      };
    case 'redirect':
      return {
        status: 302,
        body: Buffer.alloc(0),
        headers: { Location: fault.location ?? 'http://127.0.0.1:9/elsewhere' },
      };
    case 'respond':
      return {
        status: fault.status ?? 200,
        body: Buffer.from(fault.body ?? ''),
        ...(fault.contentType !== undefined && { contentType: fault.contentType }),
      };
    default:
      return answer;
  }
}
