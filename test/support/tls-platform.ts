import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { publicKeySigner, signatureHeaders } from './raw-platform.js';
import { makeCertificate, rsaKey, type TestCertificateFacts } from './x509.js';

const BODY = Buffer.from('{"ok":true}');

/** A request as it came over TLS. */
export interface TlsRequest {
  readonly target: string;
  /** Serial number of the certificate that the other side showed, if it did. */
  readonly serial: string | undefined;
  /** Tells connections apart. */
  readonly port: number | undefined;
  /** Answers 200 with a signed `{"ok":true}`; a second time does nothing. */
  readonly answer: () => void;
}

/** What a server of TLS shows and with which key, as `https.createServer` takes it. */
export function tlsIdentity(
  name: string,
  facts: TestCertificateFacts = {},
): { key: string; cert: string } {
  const pair = rsaKey(name);
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, cert: makeCertificate(pair, { commonName: 'localhost', ...facts }) };
}

/** The platform behind TLS on loopback. Answers at once, or when a test says so. */
export class TlsPlatform {
  readonly requests: TlsRequest[] = [];
  /** Whether a request waits until the test answers it. */
  holds: (target: string) => boolean = () => false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #changes = new Set<() => void>();
  /** Made once: all answers are alike, and hundreds of signatures would only cost time. */
  readonly #headers = signatureHeaders(publicKeySigner('platform'), BODY, Date.now());

  private constructor(options: TlsOptions) {
    this.#server = createServer({ keepAliveTimeout: 60_000, ...options }, (request, response) => {
      request.resume();
      const socket = request.socket as TLSSocket;
      const received: TlsRequest = {
        target: request.url ?? '',
        serial: socket.getPeerCertificate().serialNumber,
        port: socket.remotePort,
        answer: () => this.#answer(response),
      };
      this.requests.push(received);
      if (!this.holds(received.target)) received.answer();
      this.#changed();
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#changed();
      });
    });
  }

  static async start(options: TlsOptions): Promise<TlsPlatform> {
    const platform = new TlsPlatform(options);
    platform.#server.listen(0, '127.0.0.1');
    await once(platform.#server, 'listening');
    return platform;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** By name: certificates of tests have no IP address in them. */
  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Resolves when so many requests have arrived. */
  arrived(count: number): Promise<void> {
    return this.#until(() => this.requests.length >= count);
  }

  /** Resolves when no more connections than these are open. */
  closedDownTo(count: number): Promise<void> {
    return this.#until(() => this.#sockets.size <= count);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The test's own time limit is the bound. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#changes.add(resolve));
  }

  #answer(response: ServerResponse): void {
    if (response.headersSent) return;
    response.writeHead(200, { ...this.#headers, 'Content-Type': 'application/json' }).end(BODY);
  }

  #changed(): void {
    for (const wake of this.#changes) wake();
    this.#changes.clear();
  }
}
