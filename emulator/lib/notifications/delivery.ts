import { lookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';

/** What became of one post. @internal */
export interface Delivery {
  /** The answer's status; none when there was no answer. */
  readonly status?: number;
  /** The beginning of the answer's body. */
  readonly answer?: string;
  readonly error?: string;
}

/** How to post. @internal */
export interface DeliveryOptions {
  readonly timeoutMs: number;
  readonly allowRemote: boolean;
  readonly signal: AbortSignal;
  /** Finds the addresses of a host. @default the system's resolver */
  readonly resolve?: HostResolver;
}

/** `dns.lookup` with `all`. @internal */
export type HostResolver = (
  host: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** How much of an answer is kept, and how much is read. */
const keptBytes = 1024;
const readBytes = 64 * 1024;

/**
 * Posts once and says what came back. Never rejects, never follows a redirect, ends in time.
 *
 * Unless remote addresses are allowed, the host must resolve to loopback, which is checked on the
 * address that the connection really uses.
 *
 * @internal
 */
export function deliver(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  { timeoutMs, allowRemote, signal, resolve: resolver = lookup }: DeliveryOptions,
): Promise<Delivery> {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (!allowRemote && isIP(host) !== 0 && !isLoopback(host)) {
    return Promise.resolve({ error: notLoopback(host) });
  }
  return new Promise((resolve) => {
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const post = send(target, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(body.length), connection: 'close' },
      agent: false,
      signal,
      ...(!allowRemote && { lookup: loopbackLookup(resolver) }),
    });
    const timer = setTimeout(
      () => post.destroy(new Error(`no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    timer.unref();
    const settle = (delivery: Delivery): void => {
      clearTimeout(timer);
      resolve(delivery);
    };
    post.on('error', ({ message }) => settle({ error: message }));
    post.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = (): void => {
        const text = Buffer.concat(chunks).subarray(0, keptBytes).toString('utf8');
        settle({ status, answer: text });
        post.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= readBytes) chunks.push(chunk);
        else finish();
      });
      answer.on('end', finish);
      answer.on('error', ({ message }) => settle({ status, error: message }));
    });
    post.end(body);
  });
}

/** 127.0.0.0/8 and ::1. @internal */
export function isLoopback(address: string): boolean {
  return (
    /^127(?:\.\d{1,3}){3}$/.test(address) || address === '::1' || /^::ffff:127\./i.test(address)
  );
}

function notLoopback(host: string): string {
  return `${host} is not a loopback address; start the emulator with allowRemoteNotify to post there`;
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** A resolver that knows loopback addresses only. */
function loopbackLookup(resolve: HostResolver) {
  return (host: string, options: { all?: boolean }, callback: LookupCallback): void => {
    resolve(host, { all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const local = addresses.filter(({ address }) => isLoopback(address));
      const [first] = local;
      if (first === undefined) return callback(new Error(notLoopback(host)), []);
      if (options.all === true) return callback(null, local);
      callback(null, first.address, first.family);
    });
  };
}
