import { PassThrough, type Readable } from 'node:stream';
import type { SecureContext } from 'node:tls';
import { Agent, Pool, request as undiciRequest, type Dispatcher } from 'undici';
import { WechatPayTransportError } from '../errors/index.js';
import type { AnswerHeaders, RawAnswer } from './answer.js';
import { AnswerCollector } from './collector.js';
import type { Limit } from './limit.js';
import { asArgumentError, asTransportError } from './failures.js';
import {
  createContext,
  isSameIdentity,
  type ClientIdentity,
  type TlsSettings,
} from './secure-context.js';

/**
 * Anything with undici's `dispatch`: an `Agent`, `ProxyAgent` or `MockAgent` of undici 7.
 *
 * @publicApi
 */
export interface HttpDispatcher {
  dispatch(options: never, handler: never): boolean;
}

/** How connections are made. */
export interface TransportOptions extends TlsSettings {
  /** Replaces our connection pool; it is then never renewed nor closed by us. */
  readonly dispatcher?: HttpDispatcher | undefined;
}

/** What goes on the wire. The target is sent exactly as given. */
export interface WireRequest {
  readonly origin: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer | undefined;
  /** Which attempt of the call this is, from 1. */
  readonly attempt: number;
}

/** The head of a streamed answer and its body, which the caller must consume or destroy. */
export interface RawStream {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Readable;
}

/** One generation of connections: replaced as a whole, never changed. */
interface TransportSnapshot {
  readonly dispatcher: Dispatcher;
  /** The agent's pools; it forgets them when it is told to close. */
  readonly pools: ReadonlySet<Pool>;
  readonly bornAtMs: number;
  readonly isOurs: boolean;
}

// The platform closes idle connections after 8 s (`Keep-Alive: timeout=8`).
const KEEP_ALIVE_MS = 6_000;
const CONNECT_TIMEOUT_MS = 5_000;
// undici's pools keep the address they once resolved: a new generation follows DNS.
const GENERATION_MS = 5 * 60_000;
const CLOSE_GRACE_MS = 1_000;
// As many as calls that bulkheads let in: nobody waits in a queue of undici that nobody sees.
const MAX_CONNECTIONS = 1_024;

/**
 * Bytes out, bytes in: connections, limits and time. Knows nothing of signatures, never follows a
 * redirect, never decodes a body.
 *
 * @internal
 */
export class Transport {
  readonly #options: TransportOptions;
  /** Generations on which something still runs, and when that is over. */
  readonly #retired = new Map<TransportSnapshot, Promise<void>>();
  #snapshot: TransportSnapshot | undefined;
  #identity: ClientIdentity | undefined;
  /** Trust and identity of every generation until the identity changes. */
  #context: SecureContext | undefined;
  #isClosed = false;

  constructor(options: TransportOptions = {}) {
    this.#options = options;
  }

  /**
   * Sends one request and takes the whole answer in.
   *
   * @param maxBytes bound of the answer's body
   * @throws {WechatPayTransportError} `CONNECTION_FAILED`, `TIMEOUT`, `ABORTED`, `CLOSED`,
   * `ANSWER_TOO_LARGE`; `wasSent` tells whether the platform may have seen the request
   * @throws {WechatPayRequestError} `REQUEST_INVALID`: the request cannot be put on the wire
   */
  async send(request: WireRequest, limit: Limit, maxBytes: number): Promise<RawAnswer> {
    if (limit.reason) throw limit.reason; // ended while the request was signed
    const { dispatcher } = this.#current();
    limit.hasBegun = true;
    let collector: AnswerCollector | undefined;
    try {
      return await new Promise<RawAnswer>((resolve, reject) => {
        collector = new AnswerCollector(limit, maxBytes, resolve, reject);
        dispatcher.dispatch(
          {
            origin: request.origin,
            path: request.target,
            method: request.method as Dispatcher.HttpMethod,
            headers: request.headers,
            body: request.body ?? null,
            headersTimeout: 0, // the limit is the only clock
            bodyTimeout: 0,
          },
          collector,
        );
      });
    } catch (error) {
      const wasSent = collector?.wasSent ?? false;
      throw (!wasSent && asArgumentError(error)) || asTransportError(error, wasSent, request);
    }
  }

  /**
   * Sends one request and hands the body out as a stream, whose errors are ours too.
   *
   * @param deadline ends the wait for the answer's headers, in a queue for a connection too
   * @param limits longest pause between two pieces of the body, and what may end it early
   * @throws {WechatPayTransportError} and {WechatPayRequestError} as {@link send}
   */
  async stream(
    request: WireRequest,
    deadline: Limit,
    limits: { idleTimeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<RawStream> {
    const { dispatcher } = this.#current();
    const waiting = new AbortController();
    const forget = deadline.onEnd((reason) => waiting.abort(reason));
    const signals = limits.signal ? [limits.signal, waiting.signal] : [waiting.signal];
    try {
      const answering = undiciRequest(request.origin + request.target, {
        dispatcher,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: 0, // the deadline is the clock
        bodyTimeout: limits.idleTimeoutMs,
        signal: AbortSignal.any(signals),
      });
      // in a queue for a connection undici does not listen to its signal
      const answer = await deadline.race(answering);
      const body = translated(answer.body, (error) =>
        asTransportError(limits.signal?.aborted ? aborted(limits.signal) : error, true, request),
      );
      return { status: answer.statusCode, headers: answer.headers, body };
    } catch (error) {
      const reason = deadline.reason ?? error;
      throw asArgumentError(reason) ?? asTransportError(reason, true, request);
    } finally {
      forget();
    }
  }

  /**
   * Shows another certificate to hosts that ask for one, or none. New requests go over new
   * connections; what runs finishes on those it has. The same identity again changes nothing, and
   * neither does any once this is closed.
   *
   * @throws {Error} of OpenSSL, when it cannot use the identity; the one before stays
   */
  useIdentity(identity: ClientIdentity | undefined): void {
    if (this.#isClosed || isSameIdentity(identity, this.#identity)) return;
    this.#context = createContext(this.#options, identity);
    this.#identity = identity;
    if (!this.#snapshot?.isOurs) return;
    this.#retire(this.#snapshot);
    this.#snapshot = undefined;
  }

  /**
   * Keeps no connection: what runs finishes, however long it takes. Whatever is sent later all the same
   * makes its own. Resolves when nothing runs any more.
   */
  async retire(): Promise<void> {
    if (this.#snapshot?.isOurs) this.#retire(this.#snapshot);
    this.#snapshot = undefined;
    await Promise.all(this.#retired.values());
  }

  /** Lets running requests finish for a second, then ends them. Closing twice is harmless. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#snapshot?.isOurs) this.#retire(this.#snapshot);
    this.#snapshot = undefined;
    await Promise.all(
      [...this.#retired].map(([{ pools }, finished]) => finish(finished, pools, CLOSE_GRACE_MS)),
    );
  }

  /** A generation that is no longer used: what runs on it may finish, however long it takes. */
  #retire(snapshot: TransportSnapshot): void {
    const finished = snapshot.dispatcher
      .close()
      .catch(() => undefined)
      .finally(() => this.#retired.delete(snapshot));
    this.#retired.set(snapshot, finished);
  }

  #current(): TransportSnapshot {
    if (this.#isClosed) {
      throw new WechatPayTransportError('CLOSED', 'The application is shutting down');
    }
    const now = performance.now();
    const current = this.#snapshot;
    if (current && (!current.isOurs || now - current.bornAtMs < GENERATION_MS)) return current;
    const { dispatcher } = this.#options;
    const pools = new Set<Pool>();
    this.#snapshot = {
      dispatcher: (dispatcher as Dispatcher | undefined) ?? this.#createAgent(pools),
      pools,
      bornAtMs: now,
      isOurs: dispatcher === undefined,
    };
    if (current) this.#retire(current);
    return this.#snapshot;
  }

  #createAgent(pools: Set<Pool>): Agent {
    this.#context ??= createContext(this.#options, this.#identity);
    return new Agent({
      factory: (origin, settings) => {
        for (const pool of pools) if (pool.destroyed) pools.delete(pool);
        const pool = new Pool(origin, settings);
        pools.add(pool);
        return pool;
      },
      connections: MAX_CONNECTIONS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { timeout: CONNECT_TIMEOUT_MS, secureContext: this.#context },
    });
  }
}

/** Waits for running requests as long as the grace time, then ends them. */
async function finish(
  finished: Promise<void>,
  pools: ReadonlySet<Pool>,
  graceMs: number,
): Promise<void> {
  const force = setTimeout(() => {
    for (const pool of pools) void pool.destroy().catch(() => undefined);
  }, graceMs);
  force.unref();
  await finished;
  clearTimeout(force);
}

/** Passes a body on; what breaks it is put in other terms. */
function translated(body: Readable, translate: (error: unknown) => Error): Readable {
  const translation = new PassThrough();
  // whoever reads learns of an error; nobody reading yet must not end the process
  translation.on('error', () => undefined);
  body.on('error', (error) => translation.destroy(translate(error)));
  translation.on('close', () => body.destroy());
  return body.pipe(translation);
}

function aborted({ reason }: AbortSignal): WechatPayTransportError {
  const cause: unknown = reason;
  return new WechatPayTransportError('ABORTED', 'The call was aborted by its caller', { cause });
}
