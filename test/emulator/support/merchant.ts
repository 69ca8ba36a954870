import 'reflect-metadata';
import {
  constants,
  createDecipheriv,
  createPublicKey,
  createSign,
  createVerify,
  publicEncrypt,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WechatPayEmulator } from 'nestjs-wechatpay-emulator';

/** What came back, bytes and all. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer;
}

/** Sends a request exactly as given: no header is added but Host and Content-Length. */
export function send(
  url: string,
  { method = 'GET', path, headers, body }: RawRequest,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const present = Object.entries(headers ?? {}).filter(([, value]) => value !== undefined);
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        hostname,
        port,
        method,
        path,
        agent: false,
        headers: { ...length, ...Object.fromEntries(present) },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text,
            json: parse(text),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** What a test may want otherwise in a signed request. */
export interface SignedOverrides {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly mchid?: string;
  readonly serial?: string;
  readonly timestamp?: string;
  readonly scheme?: string;
  readonly privateKey?: string;
  /** Signs this path instead of the one that is sent. */
  readonly signedPath?: string;
  readonly signedBody?: string;
  readonly authorization?: (values: Record<string, string>) => string;
}

/** A merchant with crypto of its own: nothing here is shared with what it tests. */
export class Merchant {
  readonly mchid: string;
  readonly appid: string;
  readonly serial: string;
  private readonly privateKey: string;
  private readonly apiV3Key: string;

  constructor(
    readonly emulator: WechatPayEmulator,
    mchid = emulator.mchid,
  ) {
    const { appid, credential } = emulator.options({ mchid });
    this.mchid = mchid;
    this.appid = appid;
    this.serial = new X509Certificate(credential.certificate).serialNumber;
    this.privateKey = credential.privateKey;
    this.apiV3Key = credential.apiV3Key;
  }

  get(path: string, overrides?: SignedOverrides): Promise<RawAnswer> {
    return this.call('GET', path, undefined, overrides);
  }

  post(path: string, body: unknown, overrides?: SignedOverrides): Promise<RawAnswer> {
    return this.call('POST', path, body, overrides);
  }

  call(
    method: string,
    path: string,
    body: unknown,
    overrides: SignedOverrides = {},
  ): Promise<RawAnswer> {
    const text =
      body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      'user-agent': 'emulator-test/1.0',
      ...(text !== undefined && { 'content-type': 'application/json' }),
      authorization: this.authorization(method, path, text ?? '', overrides),
      ...overrides.headers,
    };
    return send(this.emulator.url, {
      method,
      path,
      headers,
      ...(text !== undefined && { body: text }),
    });
  }

  authorization(
    method: string,
    path: string,
    body: string,
    overrides: SignedOverrides = {},
  ): string {
    const timestamp = overrides.timestamp ?? String(Math.floor(this.emulator.now / 1000));
    const nonce = randomBytes(16).toString('hex').toUpperCase();
    const message = `${method}\n${overrides.signedPath ?? path}\n${timestamp}\n${nonce}\n${overrides.signedBody ?? body}\n`;
    const signature = createSign('RSA-SHA256')
      .update(message)
      .sign(overrides.privateKey ?? this.privateKey, 'base64');
    const values = {
      mchid: overrides.mchid ?? this.mchid,
      nonce_str: nonce,
      timestamp,
      serial_no: overrides.serial ?? this.serial,
      signature,
    };
    if (overrides.authorization !== undefined) return overrides.authorization(values);
    const parameters = Object.entries(values).map(([name, value]) => `${name}="${value}"`);
    return `${overrides.scheme ?? 'WECHATPAY2-SHA256-RSA2048'} ${parameters.join(',')}`;
  }

  /** A native order with what it needs, and what the test wants otherwise. */
  native(outTradeNo: string, changes: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    return this.post('/v3/pay/transactions/native', { ...this.order(outTradeNo), ...changes });
  }

  order(outTradeNo: string): Record<string, unknown> {
    return {
      appid: this.appid,
      mchid: this.mchid,
      description: '测试商品',
      out_trade_no: outTradeNo,
      notify_url: 'http://127.0.0.1:9/notify',
      amount: { total: 100, currency: 'CNY' },
    };
  }

  query(outTradeNo: string): Promise<RawAnswer> {
    return this.get(`/v3/pay/transactions/out-trade-no/${outTradeNo}?mchid=${this.mchid}`);
  }

  /** Opens an AEAD envelope; throws when the tag does not fit. */
  open(envelope: Readonly<Record<string, string>>): string {
    return open(envelope, this.apiV3Key);
  }
}

export function open(envelope: Readonly<Record<string, string>>, apiV3Key: string): string {
  const bytes = Buffer.from(envelope['ciphertext'] ?? '', 'base64');
  const decipher = createDecipheriv('aes-256-gcm', apiV3Key, envelope['nonce'] ?? '', {
    authTagLength: 16,
  });
  decipher.setAAD(Buffer.from(envelope['associated_data'] ?? ''));
  decipher.setAuthTag(bytes.subarray(-16));
  const text = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
  return text.toString('utf8');
}

/** Whether the signature over a body verifies with this key or certificate, PEM. */
export function isSignedBy(
  pem: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string | Buffer,
): boolean {
  const verifier = createVerify('RSA-SHA256');
  verifier.update(
    `${String(headers['wechatpay-timestamp'])}\n${String(headers['wechatpay-nonce'])}\n`,
  );
  verifier.update(body);
  verifier.update('\n');
  return verifier.verify(createPublicKey(pem), String(headers['wechatpay-signature']), 'base64');
}

/** RSA-OAEP with SHA-1, as merchants encrypt names and numbers. */
export function encryptField(pem: string, text: string): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt(
    { key: createPublicKey(pem), padding, oaepHash: 'sha1' },
    Buffer.from(text),
  ).toString('base64');
}

/** A post that arrived at the shop. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A merchant's notify route: it keeps what comes and answers as the test says. */
export interface NotifyServer {
  readonly url: string;
  readonly received: Received[];
  /** Resolves with the n-th post (from 0) once it has come. */
  nth(index: number): Promise<Received>;
  close(): Promise<void>;
}

export type NotifyAnswer = {
  status?: number;
  body?: string;
  headers?: Record<string, string>;
  /** Never answers. */
  hang?: boolean;
  /** Answers, but its body never ends. */
  endless?: boolean;
};

export async function startNotifyServer(
  answer: (index: number) => NotifyAnswer = () => ({ status: 204 }),
): Promise<NotifyServer> {
  const received: Received[] = [];
  const waiting = new Map<number, (post: Received) => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const index = received.length;
      const post = { headers: request.headers, body: Buffer.concat(chunks) };
      received.push(post);
      const { status = 204, body, headers, hang, endless } = answer(index);
      if (hang !== true) response.writeHead(status, headers).write(body ?? '');
      if (hang !== true && endless !== true) response.end();
      waiting.get(index)?.(post);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/wechatpay/notify`,
    received,
    nth: (index) =>
      new Promise((resolve) => {
        const post = received[index];
        if (post !== undefined) resolve(post);
        else waiting.set(index, resolve);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
