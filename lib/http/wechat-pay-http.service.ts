import {
  verifySigned,
  type CertificateProvider,
  type PlatformKey,
  type SignedFetch,
} from '../certificates/index.js';
import { decryptOaep, encryptOaep } from '../crypto/index.js';
import {
  checkMessageOf,
  WechatPayApiError,
  WechatPayRequestError,
  WechatPayTransportError,
} from '../errors/index.js';
import type { MerchantCredential, MerchantCredentialProvider } from '../merchant/index.js';
import {
  Deadline,
  requestIdOf,
  splitPlatformUrl,
  type AnswerHeaders,
  type RawAnswer,
  type Transport,
} from '../transport/index.js';
import { mapFields } from './fields.js';
import { extraHeaders, protocolHeaders } from './headers.js';
import type {
  WechatPayAnswer,
  WechatPayCallOptions,
  WechatPayRequest,
  WechatPayStream,
  WechatPayStreamOptions,
} from './http.interface.js';
import { parseJson, toJson } from './json.js';
import { classify, readBounded } from './outcome.js';
import { signRequest } from './signing.js';
import { buildTarget } from './target.js';
import { isUnsignedDownload } from './unsigned-downloads.js';

/** What a {@link WechatPayHttpService} is made of. */
export interface HttpServiceParts {
  readonly credentials: MerchantCredentialProvider;
  /** Given late: the certificate provider needs this service to download. */
  readonly certificates: () => CertificateProvider;
  readonly transport: Transport;
  /** Primary origin, then the backup if there is one. */
  readonly origins: readonly string[];
  readonly timeoutMs: number;
  readonly clock: () => number;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_TIMEOUT_MS = 600_000;
const DEFAULT_IDLE_MS = 30_000;
const MAX_DOWNLOAD_MS = 10_000;

/**
 * Signed calls to the platform: every request is signed, every answer of status 2xx is verified
 * before it is parsed, everything else is an error. Paths and bodies are the platform's own.
 *
 * @publicApi
 */
export class WechatPayHttpService {
  readonly #parts: HttpServiceParts;
  #clockSkewMs: number | undefined;

  /** @internal */
  constructor(parts: HttpServiceParts) {
    this.#parts = parts;
  }

  /** How far this clock is ahead of the platform's, in milliseconds, exact to a second; last seen. */
  get clockSkewMs(): number | undefined {
    return this.#clockSkewMs;
  }

  /**
   * Sends one request.
   *
   * @throws {WechatPayApiError} the platform answered with another status than 2xx
   * @throws {WechatPayUnknownResultError} a write was sent and its result is not known
   * @throws {WechatPayTransportError} nothing was sent, or a read failed on the way
   * @throws {WechatPaySignatureError} the answer to a read is not signed by the platform
   * @throws {WechatPayCertificateError} no credential or no key of the platform is available
   * @throws {WechatPayRequestError} the arguments cannot be sent
   */
  async request<T = unknown>(request: WechatPayRequest): Promise<WechatPayAnswer<T>> {
    const timeoutMs = timeout('timeoutMs', request.timeoutMs, this.#parts.timeoutMs);
    const deadline = new Deadline(timeoutMs, request.signal);
    try {
      return await this.#call<T>(request, deadline);
    } finally {
      deadline.dispose();
    }
  }

  /** A read. See {@link request} for what is thrown. */
  get<T = unknown>(path: string, options?: WechatPayCallOptions): Promise<WechatPayAnswer<T>> {
    return this.request<T>({ ...options, method: 'GET', path });
  }

  /** A write with a JSON body, or without one. See {@link request} for what is thrown. */
  post<T = unknown>(
    path: string,
    body?: unknown,
    options?: WechatPayCallOptions,
  ): Promise<WechatPayAnswer<T>> {
    return this.request<T>({ ...options, method: 'POST', path, body });
  }

  /** See {@link post}. */
  put<T = unknown>(
    path: string,
    body?: unknown,
    options?: WechatPayCallOptions,
  ): Promise<WechatPayAnswer<T>> {
    return this.request<T>({ ...options, method: 'PUT', path, body });
  }

  /** See {@link post}. */
  patch<T = unknown>(
    path: string,
    body?: unknown,
    options?: WechatPayCallOptions,
  ): Promise<WechatPayAnswer<T>> {
    return this.request<T>({ ...options, method: 'PATCH', path, body });
  }

  /** See {@link get}. */
  delete<T = unknown>(path: string, options?: WechatPayCallOptions): Promise<WechatPayAnswer<T>> {
    return this.request<T>({ ...options, method: 'DELETE', path });
  }

  /**
   * Downloads a file that the platform does not sign: bills, receipts, images. Only those paths
   * are accepted, and only on the platform's hosts.
   *
   * @param pathOrUrl a path, or a `download_url` exactly as the platform returned it
   * @throws {WechatPayRequestError} for any other path (`REQUEST_INVALID`) or host
   * (`HOST_NOT_ALLOWED`), and what {@link request} throws on the way
   */
  async stream(pathOrUrl: string, options: WechatPayStreamOptions = {}): Promise<WechatPayStream> {
    const { credentials, transport, origins, timeoutMs, clock } = this.#parts;
    const isUrl = typeof pathOrUrl === 'string' && !pathOrUrl.startsWith('/');
    const { origin, target } = isUrl
      ? splitPlatformUrl(pathOrUrl, origins)
      : { origin: origins[0] ?? '', target: buildTarget(pathOrUrl) };
    if (!isUnsignedDownload(target)) {
      throw new WechatPayRequestError(
        'Only file downloads can be streamed: use get() for the rest',
      );
    }
    const headersTimeoutMs = timeout('headersTimeoutMs', options.headersTimeoutMs, timeoutMs);
    const idleTimeoutMs = timeout('idleTimeoutMs', options.idleTimeoutMs, DEFAULT_IDLE_MS);
    const deadline = new Deadline(headersTimeoutMs, options.signal);
    try {
      const credential = await deadline.race(credentials.get());
      const signed = await signRequest(credential, 'GET', target, '', clock(), deadline);
      const answer = await transport.stream(
        {
          origin,
          method: 'GET',
          target,
          headers: protocolHeaders(signed.authorization, undefined, undefined, '*/*'),
          body: undefined,
          attempt: 1,
        },
        deadline,
        { idleTimeoutMs, signal: options.signal },
      );
      const { status, headers, body } = answer;
      const requestId = requestIdOf(headers);
      if (status >= 200 && status < 300) return { status, requestId, headers, body };
      // the status says enough when the rest does not come in time
      const text = await deadline
        .race(readBounded(body, MAX_ERROR_BYTES))
        .catch(() => Buffer.alloc(0))
        .finally(() => body.destroy());
      throw new WechatPayApiError({ method: 'GET', target, status, body: text, requestId });
    } finally {
      deadline.dispose();
    }
  }

  /** Signs and sends without verifying: for the certificate download, which proves itself. @internal */
  readonly fetchUnverified: SignedFetch = async (method, target, { signal, wechatpaySerial }) => {
    const { credentials, transport, origins, timeoutMs, clock } = this.#parts;
    const deadline = new Deadline(Math.min(timeoutMs, MAX_DOWNLOAD_MS), signal);
    try {
      const credential = await deadline.race(credentials.get());
      return await this.#overHosts(origins, async (origin, attempt) => {
        const { authorization } = await signRequest(
          credential,
          method,
          target,
          '',
          clock(),
          deadline,
        );
        const headers = protocolHeaders(authorization, undefined, wechatpaySerial);
        const wire = { origin, method, target, headers, body: undefined, attempt };
        return transport.send(wire, deadline, MAX_ANSWER_BYTES);
      });
    } finally {
      deadline.dispose();
    }
  };

  async #call<T>(request: WechatPayRequest, deadline: Deadline): Promise<WechatPayAnswer<T>> {
    const { credentials, transport, origins, clock } = this.#parts;
    const certificates = this.#parts.certificates();
    const { method } = request;
    const target = buildTarget(request.path, request.query);
    const extra = extraHeaders(request.headers);
    let credential: MerchantCredential | undefined;
    let isAnswered = false;
    // Nothing is sent whose answer could not be verified.
    if (!certificates.keyRing.canVerify(clock())) await deadline.race(certificates.ready());
    try {
      const answer = await this.#overHosts(origins, async (origin, attempt) => {
        credential = credentials.credential ?? (await deadline.race(credentials.get()));
        const { json, serial } = await this.#prepareBody(request, certificates, deadline);
        const signed = await signRequest(credential, method, target, json, clock(), deadline);
        if (deadline.reason) throw deadline.reason;
        const headers = protocolHeaders(signed.authorization, signed.body, serial);
        certificates.countSent(serial);
        if (extra) headers.push(...extra);
        const wire = { origin, method, target, headers, body: signed.body, attempt };
        return transport.send(wire, deadline, MAX_ANSWER_BYTES);
      });
      isAnswered = true;
      return await this.#accept<T>(request, target, answer, deadline, credential);
    } catch (error) {
      throw classify(error, method, isAnswered);
    }
  }

  /** Tries the next host only when nothing can have reached the one before. */
  async #overHosts(
    origins: readonly string[],
    attempt: (origin: string, number: number) => Promise<RawAnswer>,
  ): Promise<RawAnswer> {
    for (const [index, origin] of origins.entries()) {
      try {
        return await attempt(origin, index + 1);
      } catch (error) {
        const mayGoOn =
          error instanceof WechatPayTransportError &&
          error.code === 'CONNECTION_FAILED' &&
          !error.wasSent &&
          index + 1 < origins.length;
        if (!mayGoOn) throw error;
      }
    }
    throw new RangeError('There must be at least one origin');
  }

  /** Chooses the platform key of this attempt, encrypts with it, and serialises once. */
  async #prepareBody(
    request: WechatPayRequest,
    certificates: CertificateProvider,
    deadline: Deadline,
  ): Promise<{ json: string; serial: string | undefined }> {
    const json = toJson(request.body);
    let key = certificates.requestKey();
    const encrypted = request.encrypted?.filter((path) => mayHold(json, path)) ?? [];
    if (encrypted.length === 0) return { json, serial: key?.id };
    key ??= await deadline.race(certificates.encryptionKey());
    // What JSON made of the body is what would be sent: `toJSON` may have changed it.
    const sealed = encryptFields(JSON.parse(json), encrypted, key);
    return { json: toJson(sealed), serial: key.id };
  }

  /** Answer or error: nothing of a 2xx is parsed before its signature held. */
  async #accept<T>(
    request: WechatPayRequest,
    target: string,
    answer: RawAnswer,
    deadline: Deadline,
    credential: MerchantCredential | undefined,
  ): Promise<WechatPayAnswer<T>> {
    const { status, headers, body } = answer;
    const requestId = requestIdOf(headers);
    if (status < 200 || status >= 300) {
      // A refusal because of the clock is not signed; its date says how far the clock is off.
      if (typeof headers['date'] === 'string') this.#noteClock(headers['date']);
      throw new WechatPayApiError({ method: request.method, target, status, body, requestId });
    }
    await this.#verify(headers, body, deadline);
    let data = body.length === 0 ? undefined : parseJson(body, requestId);
    if (request.decrypted && credential) {
      const { privateKey, previousPrivateKeys } = credential;
      const keys = privateKey ? [privateKey, ...previousPrivateKeys] : previousPrivateKeys;
      data = mapFields(data, request.decrypted, (text) => decryptOaep(text, keys));
    }
    return { status, data: data as T, requestId, headers };
  }

  async #verify(headers: AnswerHeaders, body: Buffer, deadline: Deadline): Promise<void> {
    const nowMs = this.#parts.clock();
    await verifySigned(this.#parts.certificates(), headers, body, nowMs, (key) =>
      deadline.race(key),
    );
    this.#noteClock(headers['wechatpay-timestamp'] as string);
  }

  /** @param time Unix time in whole seconds, or an HTTP date: half a second is the best guess beyond */
  #noteClock(time: string): void {
    const platformMs = /^[0-9]+$/.test(time) ? Number(time) * 1000 : Date.parse(time);
    if (!Number.isNaN(platformMs)) this.#clockSkewMs = this.#parts.clock() - platformMs - 500;
  }
}

function timeout(name: string, given: number | undefined, fallback: number): number {
  const timeoutMs = given ?? fallback;
  if (timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new WechatPayRequestError(`${name} must be between 1 and ${MAX_TIMEOUT_MS}`);
}

/** Whether JSON text can hold a field: a cheap no for the many bodies that have none. */
function mayHold(json: string, path: string): boolean {
  return json.includes(`"${path.slice(path.lastIndexOf('.') + 1)}"`);
}

function encryptFields(body: unknown, paths: readonly string[], key: PlatformKey): unknown {
  return mapFields(body, paths, (text, path) => {
    try {
      return encryptOaep(text, key.key);
    } catch (error) {
      throw new WechatPayRequestError(`The field ${path} ${checkMessageOf(error)}`);
    }
  });
}
