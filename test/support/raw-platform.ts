import { createCipheriv, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeCertificate, rsaKey, type TestCertificateFacts } from './x509.js';

/** A request as it came over the wire. */
export interface ReceivedRequest {
  readonly method: string;
  /** Exactly as in the request line. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A key that signs as the platform does. */
export interface TestSigner {
  /** Serial number or `PUB_KEY_ID_…`. */
  readonly id: string;
  readonly privateKey: KeyObject;
  /** PEM, when it is a certificate's. */
  readonly certificate: string;
}

/** What to answer; unsigned unless a signer is named. */
export interface Reply {
  readonly status?: number;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly signer?: TestSigner;
  /** Changes the signature headers. */
  readonly signature?: SignatureOverrides;
  /** Takes the answer over; what it leaves open is closed with the server. */
  readonly write?: (response: ServerResponse, headers: Record<string, string>) => void;
}

/** Lies about a signature. */
export interface SignatureOverrides {
  readonly timestamp?: string;
  readonly nonce?: string;
  readonly serial?: string;
  readonly value?: string;
  readonly type?: string;
}

export type Handler = (request: ReceivedRequest) => Reply | Promise<Reply>;

/** Makes a certificate of the platform with a key of its own. */
export function certificateSigner(
  name: string,
  facts: TestCertificateFacts & { bits?: number } = {},
): TestSigner {
  const pair = rsaKey(name, facts.bits ?? 2048);
  const certificate = makeCertificate(pair, facts);
  const id = new X509Certificate(certificate).serialNumber.toUpperCase();
  return { id, privateKey: pair.privateKey, certificate };
}

/** A WeChat Pay public key (微信支付公钥): an id and no certificate. */
export function publicKeySigner(
  name: string,
  id = 'PUB_KEY_ID_0119000091912026000000000001',
): TestSigner {
  return { id, privateKey: rsaKey(name).privateKey, certificate: '' };
}

/** What a merchant configures for it. */
export function publicKeyOption(name: string, id?: string): { id: string; key: string } {
  const key = rsaKey(name).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { id: publicKeySigner(name, id).id, key };
}

/** The `Wechatpay-*` headers over a body, as the platform makes them. */
export function signatureHeaders(
  { id, privateKey }: TestSigner,
  body: Buffer,
  nowMs: number,
  overrides: SignatureOverrides = {},
): Record<string, string> {
  const timestamp = overrides.timestamp ?? String(Math.floor(nowMs / 1000));
  const nonce = overrides.nonce ?? randomBytes(16).toString('hex');
  const message = Buffer.concat([
    Buffer.from(`${timestamp}\n${nonce}\n`, 'latin1'),
    body,
    Buffer.from('\n'),
  ]);
  return {
    'Wechatpay-Timestamp': timestamp,
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Serial': overrides.serial ?? id,
    'Wechatpay-Signature':
      overrides.value ?? sign('sha256', message, privateKey).toString('base64'),
    'Wechatpay-Signature-Type': overrides.type ?? 'WECHATPAY2-SHA256-RSA2048',
  };
}

/** One entry of a certificate list. */
export interface ListEntry {
  readonly signer: TestSigner;
  /** Names another serial than the certificate has. */
  readonly serialNo?: string;
  /** Encrypts something else. */
  readonly plaintext?: string;
  readonly algorithm?: string;
  readonly tagBytes?: number;
}

/** The body of `GET /v3/certificates`. */
export function certificateList(
  apiV3Key: string,
  entries: readonly (TestSigner | ListEntry)[],
): string {
  const data = entries.map((given) => {
    const entry = 'signer' in given ? given : { signer: given };
    const nonce = randomBytes(6).toString('hex');
    const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(nonce));
    cipher.setAAD(Buffer.from('certificate'));
    const sealed = [cipher.update(entry.plaintext ?? entry.signer.certificate), cipher.final()];
    const tag = cipher.getAuthTag().subarray(0, entry.tagBytes ?? 16);
    return {
      serial_no: entry.serialNo ?? entry.signer.id,
      effective_time: '2026-01-01T00:00:00+08:00',
      expire_time: '2031-01-01T00:00:00+08:00',
      encrypt_certificate: {
        algorithm: entry.algorithm ?? 'AEAD_AES_256_GCM',
        nonce,
        associated_data: 'certificate',
        ciphertext: Buffer.concat([...sealed, tag]).toString('base64'),
      },
    };
  });
  return JSON.stringify({ data });
}

/** An HTTP server that answers whatever a test wants, down to the bytes. */
export class RawPlatform {
  readonly requests: ReceivedRequest[] = [];
  private readonly server: Server;
  private readonly arrivals = new Set<() => void>();

  private constructor(
    public handler: Handler,
    private readonly clock: () => number,
  ) {
    this.server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(handler: Handler = () => ({}), clock = Date.now): Promise<RawPlatform> {
    const platform = new RawPlatform(handler, clock);
    await new Promise<void>((resolve) => platform.server.listen(0, '127.0.0.1', resolve));
    return platform;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How often this path was asked for, without its query. */
  count(path: string): number {
    return this.requests.filter(({ target }) => target.split('?', 1)[0] === path).length;
  }

  /** Resolves when so many requests have arrived. */
  async arrived(count: number): Promise<void> {
    while (this.requests.length < count) {
      await new Promise<void>((resolve) => this.arrivals.add(resolve));
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const received = {
      method: request.method ?? '',
      target: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    this.requests.push(received);
    for (const wake of this.arrivals) wake();
    this.arrivals.clear();
    const reply = await this.handler(received);
    const body = Buffer.from(reply.body ?? '');
    const headers = {
      'Request-ID': '08F0A1B2C3-0',
      ...(body.length > 0 && { 'Content-Type': 'application/json' }),
      ...(reply.signer && signatureHeaders(reply.signer, body, this.clock(), reply.signature)),
    };
    if (reply.write) return reply.write(response, headers);
    response.writeHead(reply.status ?? 200, { ...headers, ...reply.headers });
    response.end(body);
  }
}
