import type { Idempotency, Operation } from '../api/operation.js';
import type { BusinessNumber } from '../errors/index.js';
import { expandPath, type QueryValue, type WechatPayHttpService } from '../http/index.js';

/**
 * Settings of one call of the client.
 *
 * @publicApi
 */
export interface WechatPayClientCallOptions {
  /** Ends the call early; a write that was sent already then has an unknown result. */
  readonly signal?: AbortSignal | undefined;
  /** Total time of the call in milliseconds. @default `http.timeoutMs` */
  readonly timeoutMs?: number | undefined;
  /** Repetitions inside this call at most, 0 to 5. @default `http.retries`, 2 */
  readonly retries?: number | undefined;
}

/** The parts of an operation's input; those that it does not have are left out. */
export interface OperationInput {
  readonly path?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  readonly body?: unknown;
}

const requestIds = new WeakMap<object, string>();

/**
 * The platform's `Request-ID` of a result that the client returned: tell it to the platform's
 * support. `undefined` for anything else.
 *
 * @publicApi
 */
export function requestIdOf(result: object): string | undefined {
  return requestIds.get(result);
}

/**
 * Calls an operation described as data: path, query, body and encrypted fields come from the
 * descriptor, and the answer is the typed body.
 *
 * @internal
 */
export async function callOperation<Path, Query, Body, Result>(
  http: WechatPayHttpService,
  operation: Operation<Path, Query, Body, Result>,
  input: OperationInput,
  options: WechatPayClientCallOptions = {},
): Promise<Result> {
  const { idempotency } = operation;
  const { data, requestId } = await http.request<Result>({
    method: operation.method,
    path: expandPath(operation.path, input.path),
    query: input.query,
    body: operation.hasBody ? input.body : undefined,
    encrypted: operation.encrypted,
    decrypted: operation.decrypted,
    signal: options.signal,
    timeoutMs: options.timeoutMs,
    retries: options.retries,
    idempotentBy: idempotency && businessNumberOf(idempotency, input),
    operation: {
      id: operation.id,
      route: operation.path,
      repeat: idempotency?.repeat,
      query: idempotency?.query,
    },
  });
  if (requestId !== undefined && typeof data === 'object' && data !== null) {
    requestIds.set(data, requestId);
  }
  return data;
}

/** The number that makes a repeated write the same one, where the caller gave it. */
function businessNumberOf(
  { by, in: place }: Idempotency,
  input: OperationInput,
): BusinessNumber | undefined {
  const from = place === 'path' ? input.path : (input.body as Record<string, unknown> | undefined);
  const value: unknown = from?.[by];
  return typeof value === 'string' && value !== '' ? { name: by, value } : undefined;
}
