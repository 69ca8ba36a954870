import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { Authenticator } from '../auth/authenticator.js';
import { FaultRegistry } from '../faults/fault-registry.js';
import type { MerchantRecord } from '../keys/merchants.js';
import { PlatformKeys } from '../keys/platform-keys.js';
import { openField } from '../keys/seal.js';
import { isObject, validateBody, type JsonObject } from '../validation/shape-validator.js';
import { AnswerWriter, errorAnswer, type Answer } from './answer-writer.js';
import { mediaType, parseJson, readBody } from './body-reader.js';
import { OperationTable, PlatformFile, readQuery, type PlatformOperation } from './operation.js';
import { GatewayError, paramError, PlatformError } from './platform-error.js';

/** Longest request body that is read. */
const bodyLimit = 2 * 1024 * 1024;

/** The start page and everything below `/emulator`; all else is the platform's. */
const frontDoor = /^\/(?:emulator(?:[/?]|$)|\?|$)/;

interface Progress {
  merchant?: MerchantRecord;
  serial?: string;
  isUnsigned?: boolean;
}

/**
 * The platform's gateway. It works on the request line and the body as they came over the wire,
 * before any router or parser of the framework has touched them.
 *
 * @internal
 */
@Injectable()
export class PlatformMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  constructor(
    private readonly operations: OperationTable,
    private readonly authenticator: Authenticator,
    private readonly keys: PlatformKeys,
    private readonly faults: FaultRegistry,
    private readonly answers: AnswerWriter,
  ) {}

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    const { url = '' } = request;
    if (frontDoor.test(url)) return next();
    void this.handle(request, response).catch(() => response.destroy());
  }

  /** Every check in its order; the first that fails decides. */
  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '' } = request;
    const [path = '', search = ''] = split(target);
    const progress: Progress = {};
    try {
      const body = await readBody(request, bodyLimit);
      const { operation, params } = this.operations.match(method, path);
      progress.isUnsigned = operation.isUnsigned === true;
      const broken = this.faults.takeForGateway(method, path);
      if (broken !== undefined) return await this.answers.sendGatewayFault(response, broken);
      if (operation.headersFirst === true) requireHeaders(request);
      const { authorization } = request.headers;
      const merchant = this.authenticator.authenticate({ method, target, authorization, body });
      progress.merchant = merchant;
      requireHeaders(request);
      progress.serial = this.readSerial(request);
      const query = readQuery(operation, search);
      requireOwn(merchant, query, 'query');
      const checked = this.readJson(operation, request, body, progress);
      const result = await operation.handle({ merchant, params, query, body: checked });
      const fault = this.faults.takeForAnswer(method, path);
      await this.answers.send(response, toAnswer(result), this.signer(progress), fault);
    } catch (error) {
      await this.refuse(response, error, progress);
    }
  }

  /** `Wechatpay-Serial`: a foreign public key id is refused, a foreign serial only when it is needed. */
  private readSerial(request: IncomingMessage): string | undefined {
    const serial = header(request, 'wechatpay-serial');
    if (serial?.startsWith('PUB_KEY_ID_') === true && this.keys.find(serial) === undefined) {
      throw new PlatformError(400, 'INVALID_REQUEST', '微信支付公钥ID(Wechatpay-Serial)错误');
    }
    return serial;
  }

  private readJson(
    operation: PlatformOperation,
    request: IncomingMessage,
    body: Buffer,
    { merchant, serial }: Progress,
  ): JsonObject {
    if (operation.body === undefined) return {};
    if (mediaType(request.headers['content-type']) !== 'application/json') {
      throw new PlatformError(415, 'INVALID_REQUEST', 'Http头Content-Type应为application/json');
    }
    const json = parseJson(body);
    if (!isObject(json)) throw new PlatformError(400, 'PARAM_ERROR', '请求body不是合法的JSON格式');
    if (merchant !== undefined) requireOwn(merchant, json, 'body');
    return validateBody(operation.body, json, (ciphertext, pointer) =>
      this.open(serial, ciphertext, pointer),
    );
  }

  private open(serial: string | undefined, ciphertext: string, pointer: string): string {
    if (serial === undefined) {
      const message = 'HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)';
      throw new PlatformError(400, 'PARAM_ERROR', message);
    }
    const key = this.keys.find(serial);
    if (key === undefined) {
      throw new PlatformError(400, 'PARAM_ERROR', '平台证书序列号Wechatpay-Serial错误');
    }
    const text = openField(key.privateKey, ciphertext);
    if (text === undefined || text === '') throw paramError(pointer, '敏感信息解密失败');
    return text;
  }

  /** Business errors are signed; what fails before the merchant is known is not. */
  private async refuse(
    response: ServerResponse,
    error: unknown,
    progress: Progress,
  ): Promise<void> {
    if (error instanceof GatewayError) {
      const headers: Record<string, string> = error.close ? { Connection: 'close' } : {};
      return this.answers.send(response, { status: error.status, body: Buffer.alloc(0), headers });
    }
    const answer =
      error instanceof PlatformError
        ? errorAnswer(error.status, error.body)
        : errorAnswer(500, { code: 'SYSTEM_ERROR', message: '系统异常，请稍后重试' });
    const signer = progress.merchant === undefined ? undefined : this.signer(progress);
    return this.answers.send(response, answer, signer);
  }

  private signer({ serial, isUnsigned }: Progress) {
    return isUnsigned === true ? undefined : this.keys.signerFor(serial);
  }
}

function toAnswer(result: object | undefined): Answer {
  if (result === undefined) return { status: 204, body: Buffer.alloc(0) };
  if (result instanceof PlatformFile) {
    return { status: 200, body: result.bytes, contentType: 'application/octet-stream' };
  }
  return { status: 200, body: Buffer.from(JSON.stringify(result)) };
}

function split(target: string): [string, string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** @see WeChat Pay APIv3 docs: 基本规则, 请求头 */
function requireHeaders(request: IncomingMessage): void {
  const { accept = '', 'user-agent': agent = '' } = request.headers;
  const acceptable = /(?:application\/(?:json|\*)|\*\/\*)/i.test(accept);
  if (!acceptable || agent.trim() === '') {
    throw new PlatformError(400, 'INVALID_REQUEST', 'Http头缺少Accept或User-Agent');
  }
}

/** The merchant named in the body or query must be the one who signed. */
function requireOwn(merchant: MerchantRecord, values: JsonObject, place: 'body' | 'query'): void {
  for (const name of ['mchid', 'sp_mchid']) {
    const value = values[name];
    if (typeof value !== 'string' || value === merchant.mchid) continue;
    const where = place === 'body' ? 'post payload' : 'query';
    const message = `http header中的mchid与${where}中的mchid不匹配`;
    throw new PlatformError(400, 'PARAM_ERROR', message, { location: place, field: name });
  }
}
