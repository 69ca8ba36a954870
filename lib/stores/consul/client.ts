import { EventEmitter } from 'node:events';

/** Options of one call, as the `consul` client takes them. */
export interface ConsulCall {
  readonly key: string;
  readonly recurse?: boolean;
  /** Values as bytes. */
  readonly buffer?: boolean;
  readonly index?: string;
  readonly wait?: string;
  /** Milliseconds until the client gives the call up. */
  readonly timeout?: number;
  readonly ctx?: ConsulContext;
}

/** A write, as the `consul` client takes it. */
export interface ConsulWrite {
  readonly key: string;
  readonly value: string;
  readonly acquire?: string;
  readonly timeout?: number;
}

/** One operation of a transaction, in the words of Consul's API. */
export interface ConsulOperation {
  readonly KV: {
    readonly Verb: 'cas' | 'set';
    readonly Key: string;
    /** Base64. */
    readonly Value: string;
    readonly Index?: number;
  };
}

/**
 * What is used of a `consul` client, version 2.
 *
 * @publicApi
 */
export interface ConsulClient {
  readonly kv: {
    get(options: ConsulCall): Promise<unknown>;
    set(options: ConsulWrite): Promise<unknown>;
  };
  readonly session: {
    create(options: {
      ttl: string;
      lockdelay: string;
      behavior: 'delete';
      name: string;
      timeout: number;
    }): Promise<unknown>;
    destroy(options: { id: string; timeout: number }): Promise<unknown>;
  };
  readonly transaction: {
    // the client's own types name the fields of an operation otherwise than it sends them
    create(
      operations: object[],
      options: { operations: object[]; timeout?: number },
    ): Promise<unknown>;
  };
}

/** Asks the client for the response beside the result, and can cancel the call. */
export class ConsulContext extends EventEmitter {
  /** Read by the client. */
  readonly includeResponse = true;
}

/** A key as Consul tells it, as far as it was understood. */
export interface ConsulItem {
  readonly key: string;
  readonly value: Buffer | undefined;
  readonly modifyIndex: number;
  readonly isLocked: boolean;
}

/** Keys, and the index up to which they were read. */
export interface ConsulRead {
  readonly index: number;
  readonly items: readonly ConsulItem[];
}

/** How long a plain call may take, in milliseconds. */
export const CALL_MS = 2_000;

/**
 * Reads a key, or all keys of a prefix, with the index of the answer. With an `index` it is a blocking
 * query: it answers when something changed after that index, or when `waitMs` is over.
 *
 * @throws whatever the client throws, and a TypeError for an answer that is none of Consul's
 */
export async function readKeys(
  client: ConsulClient,
  key: string,
  options: {
    recurse?: boolean;
    block?: { index: number; waitMs: number; signal: AbortSignal };
  } = {},
): Promise<ConsulRead> {
  const { recurse = false, block } = options;
  const ctx = new ConsulContext();
  const cancel = (): void => void ctx.emit('cancel');
  block?.signal.addEventListener('abort', cancel, { once: true });
  try {
    const answer = await client.kv.get({
      key,
      ...(recurse && { recurse }),
      buffer: true,
      timeout: block ? blockingMs(block.waitMs) : CALL_MS,
      ...(block && { index: String(block.index), wait: `${block.waitMs}ms` }),
      ctx,
    });
    if (!Array.isArray(answer)) throw new TypeError('no response was handed out');
    const [response, found] = answer as unknown[];
    const items = found === undefined ? [] : Array.isArray(found) ? found : [found];
    return { index: indexOf(response), items: items.map(itemOf) };
  } finally {
    block?.signal.removeEventListener('abort', cancel);
  }
}

/** How long a blocking query may take: Consul adds up to a sixteenth of the wait by itself. */
export function blockingMs(waitMs: number): number {
  return Math.ceil(waitMs * (1 + 1 / 16)) + CALL_MS;
}

function indexOf(response: unknown): number {
  const headers = property(response, 'headers');
  const index = Number(property(headers, 'x-consul-index'));
  if (Number.isSafeInteger(index) && index > 0) return index;
  throw new TypeError('the answer has no X-Consul-Index: is it a Consul server?');
}

function itemOf(item: unknown): ConsulItem {
  const key = property(item, 'Key');
  const value = property(item, 'Value');
  const modifyIndex = property(item, 'ModifyIndex');
  if (typeof key !== 'string' || typeof modifyIndex !== 'number') {
    throw new TypeError('the answer holds an item that is no key');
  }
  return {
    key,
    modifyIndex,
    value: Buffer.isBuffer(value) ? value : undefined,
    isLocked: typeof property(item, 'Session') === 'string',
  };
}

/** An own or inherited property of whatever it is. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
