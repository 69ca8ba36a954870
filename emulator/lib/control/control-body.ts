import type { IncomingMessage } from 'node:http';
import {
  BadRequestException,
  createParamDecorator,
  PayloadTooLargeException,
  type ExecutionContext,
} from '@nestjs/common';
import { parseJson, readBody } from '../platform/body-reader.js';
import { GatewayError } from '../platform/platform-error.js';
import { isObject, type JsonObject } from '../validation/shape-validator.js';

const usualLimit = 64 * 1024;

/**
 * The JSON object in the body; an empty body is an empty object. It takes the longest length in
 * bytes, 64 KiB by default.
 *
 * @internal
 */
export const ControlBody = createParamDecorator(
  async (limit: number | undefined, context: ExecutionContext): Promise<JsonObject> => {
    const body = await read(context.switchToHttp().getRequest<IncomingMessage>(), limit);
    if (body.length === 0) return {};
    const json = parseJson(body);
    if (!isObject(json)) throw new BadRequestException('the body must be a JSON object');
    return json;
  },
);

async function read(request: IncomingMessage, limit = usualLimit): Promise<Buffer> {
  try {
    return await readBody(request, limit);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new PayloadTooLargeException(`the body must not be longer than ${limit} bytes`);
  }
}

/** A text field, or `undefined`. @throws {BadRequestException} when it is something else @internal */
export function optionalText(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new BadRequestException(`${name} must be a text`);
}

/** A number field, or `undefined`. @throws {BadRequestException} when it is something else @internal */
export function optionalNumber(body: JsonObject, name: string): number | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new BadRequestException(`${name} must be a number`);
}

/** One of some texts, or `undefined`. @throws {BadRequestException} when it is something else @internal */
export function optionalChoice<T extends string>(
  body: JsonObject,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = optionalText(body, name);
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new BadRequestException(`${name}: ${choices.join(', ')}`);
  return found;
}
