import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** Keys hold at most this much, as in Consul by default. */
const MAX_VALUE_BYTES = 512 * 1024;

interface Entry {
  Key: string;
  Flags: number;
  LockIndex: number;
  CreateIndex: number;
  ModifyIndex: number;
  Value: Buffer;
  Session?: string;
}

interface Session {
  readonly behavior: string;
  readonly timer: NodeJS.Timeout;
}

/** A refusal with Consul's status. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(text);
  }
}

/**
 * A stand-in for a Consul server, as its HTTP API documents it: keys with compare-and-set, acquire,
 * release, `raw`, `recurse` and `keys`; transactions; sessions with a TTL; blocking queries by index.
 *
 * Faithful in what catches clients out: the index of one key is that of its last change and not the
 * server's; a blocking query may come back with nothing new; sessions under 10 s are refused.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/kv
 */
export class ConsulServer {
  readonly #sockets = new Set<Socket>();
  readonly #keys = new Map<string, Entry>();
  readonly #tombstones = new Map<string, number>();
  readonly #sessions = new Map<string, Session>();
  readonly #waiting = new Set<() => void>();
  readonly #secondMs: number;
  #server: Server | undefined;
  #index = 10;
  #thawed: Promise<void> | undefined;
  #thaw: () => void = () => undefined;
  port = 0;

  private constructor(secondMs: number) {
    this.#secondMs = secondMs;
  }

  /** @param options how long a second of the server's sessions is, in milliseconds */
  static async start(options: { secondMs?: number } = {}): Promise<ConsulServer> {
    const server = new ConsulServer(options.secondMs ?? 1_000);
    await server.restart();
    return server;
  }

  /** Blocking queries that wait now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async restart(): Promise<void> {
    await this.kill();
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server = server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  /** Every connection breaks and nobody listens; the data stay. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    if (!server) return;
    server.close();
    await once(server, 'close');
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#wake();
  }

  freeze(): void {
    this.#thawed ??= new Promise((resolve) => (this.#thaw = resolve));
  }

  thaw(): void {
    this.#thawed = undefined;
    this.#thaw();
  }

  /** Writes past the API. */
  plant(key: string, value: Buffer): void {
    this.#put(key, value, (this.#index += 1));
    this.#wake();
  }

  /** As if the server were built anew: no data, and indexes from the beginning. */
  lose(): void {
    this.clear();
    this.#tombstones.clear();
    this.#index = 10;
    this.#wake();
  }

  /** Removes keys and sessions; indexes go on. */
  clear(): void {
    for (const { timer } of this.#sessions.values()) clearTimeout(timer);
    this.#sessions.clear();
    for (const key of [...this.#keys.keys()]) this.#delete(key, (this.#index += 1));
    this.#wake();
  }

  async close(): Promise<void> {
    this.thaw();
    this.clear();
    await this.kill();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      await this.#thawed;
      const url = new URL(request.url ?? '/', 'http://consul');
      await this.#answer(request.method ?? 'GET', url, Buffer.concat(chunks), response);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      response.writeHead(status, { 'content-type': 'text/plain' }).end((error as Error).message);
    }
  }

  async #answer(method: string, url: URL, body: Buffer, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = url;
    if (pathname === '/v1/txn' && method === 'PUT') return this.#transact(body, response);
    if (pathname === '/v1/session/create' && method === 'PUT') {
      return json(response, 200, { ID: this.#createSession(JSON.parse(String(body)) as object) });
    }
    if (pathname.startsWith('/v1/session/destroy/') && method === 'PUT') {
      this.#endSession(pathname.slice('/v1/session/destroy/'.length));
      return json(response, 200, true);
    }
    if (!pathname.startsWith('/v1/kv/')) throw new Refusal(404, 'not in this stand-in');
    const key = decodeURIComponent(pathname.slice('/v1/kv/'.length));
    // Go's router cleans such paths and answers with a redirection.
    if (/(^|\/)\.{1,2}(\/|$)/.test(key)) throw new Refusal(301, 'Moved Permanently');
    if (method === 'GET') return this.#get(key, query, response);
    if (method !== 'PUT') throw new Refusal(405, 'method not allowed');
    if (body.length > MAX_VALUE_BYTES) throw new Refusal(413, 'Request body too large');
    json(response, 200, this.#set(key, body, query));
  }

  async #get(key: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const isRecursive = query.has('recurse');
    const find = (): Entry[] =>
      [...this.#keys.values()].filter((entry) =>
        isRecursive ? entry.Key.startsWith(key) : entry.Key === key,
      );
    const after = Number(query.get('index') ?? 0);
    if (after > 0) {
      const wait = /^([0-9.]+)(ms|s|m)$/.exec(query.get('wait') ?? '5m') ?? [];
      const unit = { ms: 1, s: 1_000, m: 60_000 }[wait[2] ?? 's'] ?? 1;
      const waitMs = Math.min(Number(wait[1]) * unit, 600_000);
      const end = performance.now() + waitMs * (1 + Math.random() / 16);
      while (this.#indexOf(key, isRecursive) === after && performance.now() < end) {
        await this.#change(end - performance.now(), response);
        if (response.destroyed) return; // the client hung up
      }
      await this.#thawed;
    }
    const found = find();
    response.setHeader('X-Consul-Index', this.#indexOf(key, isRecursive));
    response.setHeader('X-Consul-KnownLeader', 'true');
    const [first] = found;
    if (!first) return void response.writeHead(404).end();
    if (query.has('raw')) return void response.writeHead(200).end(first.Value);
    json(
      response,
      200,
      found.map((entry) => ({ ...entry, Value: entry.Value.toString('base64') || null })),
    );
  }

  /** That of the newest of the keys, dead ones too; the server's when there never was one. */
  #indexOf(key: string, isRecursive: boolean): number {
    const matches = (name: string): boolean => (isRecursive ? name.startsWith(key) : name === key);
    let index = 0;
    for (const entry of this.#keys.values()) {
      if (matches(entry.Key)) index = Math.max(index, entry.ModifyIndex);
    }
    if (!isRecursive && index > 0) return index;
    for (const [name, at] of this.#tombstones) if (matches(name)) index = Math.max(index, at);
    return index || this.#index;
  }

  #change(ms: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        response.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      this.#waiting.add(done);
      response.once('close', done);
      if (response.destroyed) done();
    });
  }

  #wake(): void {
    for (const each of this.#waiting) each();
  }

  #set(key: string, value: Buffer, query: URLSearchParams): boolean {
    const held = this.#keys.get(key);
    const cas = query.get('cas');
    if (cas !== null && Number(cas) !== (held?.ModifyIndex ?? 0)) return false;
    const acquire = query.get('acquire');
    const release = query.get('release');
    if (acquire !== null) {
      if (!this.#sessions.has(acquire)) throw new Refusal(500, `invalid session "${acquire}"`);
      if (held?.Session !== undefined && held.Session !== acquire) return false;
    }
    if (release !== null && held?.Session !== release) return false;
    const entry = this.#put(key, value, (this.#index += 1));
    if (acquire !== null && held?.Session !== acquire) {
      entry.Session = acquire;
      entry.LockIndex += 1;
    }
    if (release !== null) delete entry.Session;
    this.#wake();
    return true;
  }

  #put(key: string, value: Buffer, index: number): Entry {
    const held = this.#keys.get(key);
    const entry: Entry = {
      LockIndex: held?.LockIndex ?? 0,
      Key: key,
      Flags: 0,
      Value: value,
      CreateIndex: held?.CreateIndex ?? index,
      ModifyIndex: index,
      ...(held?.Session !== undefined && { Session: held.Session }),
    };
    this.#keys.set(key, entry);
    return entry;
  }

  #delete(key: string, index: number): void {
    if (this.#keys.delete(key)) this.#tombstones.set(key, index);
  }

  /** All operations or none, with one index for all. */
  #transact(body: Buffer, response: ServerResponse): void {
    const operations = JSON.parse(String(body)) as {
      KV: { Verb: string; Key: string; Value: string; Index?: number };
    }[];
    if (operations.length > 128) throw new Refusal(413, 'too many operations');
    const errors = operations.flatMap(({ KV }, OpIndex) => {
      if (KV.Verb === 'set') return [];
      if (KV.Verb !== 'cas') return [{ OpIndex, What: 'unknown verb in this stand-in' }];
      const held = this.#keys.get(KV.Key)?.ModifyIndex ?? 0;
      return held === (KV.Index ?? 0)
        ? []
        : [{ OpIndex, What: `failed to set key "${KV.Key}", index is stale` }];
    });
    if (errors.length > 0) return json(response, 409, { Results: null, Errors: errors });
    this.#index += 1;
    const results = operations.map(({ KV }) => {
      const value = Buffer.from(KV.Value, 'base64');
      if (value.length > MAX_VALUE_BYTES) throw new Refusal(413, 'value too large');
      return { KV: { ...this.#put(KV.Key, value, this.#index), Value: null } };
    });
    this.#wake();
    json(response, 200, { Results: results, Errors: null });
  }

  #createSession(options: { TTL?: string; Behavior?: string; LockDelay?: string }): string {
    const seconds = Number(/^([0-9]+)s$/.exec(options.TTL ?? '')?.[1]);
    if (!(seconds >= 10 && seconds <= 86_400)) {
      throw new Refusal(400, 'Invalid Session TTL, must be between [10s=24h0m0s]');
    }
    const id = randomUUID();
    const timer = setTimeout(() => this.#endSession(id), seconds * this.#secondMs);
    timer.unref();
    this.#sessions.set(id, { behavior: options.Behavior ?? 'release', timer });
    return id;
  }

  #endSession(id: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    clearTimeout(session.timer);
    this.#sessions.delete(id);
    for (const entry of [...this.#keys.values()]) {
      if (entry.Session !== id) continue;
      this.#index += 1;
      if (session.behavior === 'delete') this.#delete(entry.Key, this.#index);
      else delete this.#put(entry.Key, entry.Value, this.#index).Session;
    }
    this.#wake();
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
