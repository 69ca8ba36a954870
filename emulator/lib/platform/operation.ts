import type { MerchantRecord } from '../keys/merchants.js';
import type { JsonObject } from '../validation/shape-validator.js';
import { GatewayError, paramError } from './platform-error.js';

/** A request that has passed every check that is the same for all operations. @internal */
export interface PlatformCall {
  readonly merchant: MerchantRecord;
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Checked, known fields only, encrypted fields opened; empty when the operation takes no body. */
  readonly body: JsonObject;
}

/** An answer that is a file: its bytes as they are. @internal */
export class PlatformFile {
  constructor(readonly bytes: Buffer) {}
}

/** What an operation answers: 200 with JSON or a file, or 204 when there is nothing to say. @internal */
export type PlatformResult = object | undefined;

/** One operation of the platform. @internal */
export interface PlatformOperation {
  readonly method: 'GET' | 'POST';
  /** `/v3/…/{name}`. */
  readonly path: string;
  /** The shape of its JSON body; none when it takes no body. */
  readonly body?: string;
  /** Query parameters that must be there once. */
  readonly query?: readonly string[];
  /** Query parameters that may be there once. */
  readonly optionalQuery?: readonly string[];
  /** Whether a missing `Accept` or `User-Agent` is noticed before the signature is checked. */
  readonly headersFirst?: boolean;
  /** Whether its answers carry no signature, refusals neither. */
  readonly isUnsigned?: boolean;
  handle(call: PlatformCall): PlatformResult | Promise<PlatformResult>;
}

/** An operation found, with the values in its path. @internal */
export interface OperationMatch {
  readonly operation: PlatformOperation;
  readonly params: Readonly<Record<string, string>>;
}

interface Route {
  readonly operation: PlatformOperation;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

/** All operations, found by the path exactly as it came: no slash more, no other case. @internal */
export class OperationTable {
  private readonly routes: readonly Route[];

  constructor(operations: readonly PlatformOperation[]) {
    this.routes = operations.map((operation) => {
      const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const pattern = operation.path.replace(/\{\w+\}/g, '([^/]+)');
      return { operation, pattern: new RegExp(`^${pattern}$`), names };
    });
  }

  /** @throws {GatewayError} 404 for an unknown path, 405 for another method */
  match(method: string, path: string): OperationMatch {
    const found = this.routes.filter(({ pattern }) => pattern.test(path));
    if (found.length === 0) throw new GatewayError(404);
    const route = found.find(({ operation }) => operation.method === method);
    if (route === undefined) throw new GatewayError(405);
    const values = route.pattern.exec(path)?.slice(1) ?? [];
    const params: Record<string, string> = {};
    route.names.forEach((name, index) => {
      params[name] = decode(name, values[index] ?? '');
    });
    return { operation: route.operation, params };
  }
}

/**
 * The query parameters that an operation knows.
 *
 * @throws {PlatformError} `PARAM_ERROR` when one is missing or there twice
 * @internal
 */
export function readQuery(operation: PlatformOperation, search: string): Record<string, string> {
  const given = new URLSearchParams(search);
  const { query: required = [], optionalQuery: optional = [] } = operation;
  const values: Record<string, string> = {};
  for (const name of [...required, ...optional]) {
    const [value, ...others] = given.getAll(name);
    if (others.length > 0) throw paramError(name, '参数重复', 'query');
    if (value !== undefined && value !== '') values[name] = value;
    else if (required.includes(name)) throw paramError(name, '必填参数缺失', 'query');
  }
  return values;
}

function decode(name: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw paramError(name, '格式不正确', 'url');
  }
}
