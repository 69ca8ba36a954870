import type { Observable } from 'rxjs';
import type { SignedFetch } from '../certificates/index.js';
import { WechatPayRequestError } from '../errors/index.js';
import { Deadline, runCall } from '../transport/index.js';
import { download } from './download.js';
import { protocolHeaders } from './headers.js';
import { httpEventsOf, type WechatPayHttpEvent } from './http-events.js';
import type {
  WechatPayAnswer,
  WechatPayCallOptions,
  WechatPayLoad,
  WechatPayRequest,
  WechatPayStream,
  WechatPayStreamOptions,
} from './http.interface.js';
import { SignedCall, type CallParts } from './signed-call.js';
import { signRequest } from './signing.js';

/** What a {@link WechatPayHttpService} is made of. */
export type HttpServiceParts = Omit<CallParts, 'noteClock'>;

const MAX_LIST_BYTES = 4 * 1024 * 1024;
const MAX_TIMEOUT_MS = 600_000;
const MAX_RETRIES = 5;
const DEFAULT_IDLE_MS = 30_000;
const MAX_DOWNLOAD_MS = 10_000;

/**
 * Signed calls to the platform: every request is signed, every answer of status 2xx is verified
 * before it is parsed, everything else is an error. Paths and bodies are the platform's own.
 *
 * @publicApi
 */
export class WechatPayHttpService {
  readonly #parts: CallParts;
  #clockSkewMs: number | undefined;
  /**
   * Finished calls and attempts of this merchant, for applications without OpenTelemetry: duration, status,
   * error. Costs nothing while nobody is subscribed; never ends, so unsubscribe. Downloads are not in it.
   */
  readonly httpEvents$: Observable<WechatPayHttpEvent>;

  /** @internal */
  constructor(parts: HttpServiceParts) {
    this.httpEvents$ = httpEventsOf(parts);
    this.#parts = { ...parts, noteClock: (time) => this.#noteClock(time) };
  }

  /** How far this clock is ahead of the platform's, in milliseconds, exact to a second; last seen. */
  get clockSkewMs(): number | undefined {
    return this.#clockSkewMs;
  }

  /** Calls of this merchant that run and that wait now, and how many may run. */
  get load(): WechatPayLoad {
    const { running, waiting, limit } = this.#parts.admission.own;
    return { running, waiting, limit };
  }

  /**
   * Sends one request, and again where that is safe: reads, and writes that a business number makes the
   * same.
   *
   * @throws {WechatPayApiError} the platform answered with another status than 2xx
   * @throws {WechatPayUnknownResultError} a write was sent and its result is not known
   * @throws {WechatPayTransportError} nothing was sent, or a read failed on the way
   * @throws {WechatPaySignatureError} the answer to a read is not signed by the platform
   * @throws {WechatPayCertificateError} no credential or no key of the platform is available
   * @throws {WechatPayRequestError} the arguments cannot be sent
   */
  async request<T = unknown>(request: WechatPayRequest): Promise<WechatPayAnswer<T>> {
    const { settings } = this.#parts;
    const timeoutMs = timeout('timeoutMs', request.timeoutMs, settings.timeoutMs);
    checkRetries(request.retries);
    return new SignedCall<T>(this.#parts, request, timeoutMs).run();
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
    const { settings } = this.#parts;
    const { headersTimeoutMs, idleTimeoutMs, signal } = options;
    return download(this.#parts, pathOrUrl, {
      headersTimeoutMs: timeout('headersTimeoutMs', headersTimeoutMs, settings.timeoutMs),
      idleTimeoutMs: timeout('idleTimeoutMs', idleTimeoutMs, DEFAULT_IDLE_MS),
      signal,
    });
  }

  /** Signs and sends without verifying: for the certificate download, which proves itself. @internal */
  readonly fetchUnverified: SignedFetch = async (method, target, { signal, wechatpaySerial }) => {
    const { credentials, transport, resilience, origins, settings, clock, noteClock } = this.#parts;
    const deadline = new Deadline(Math.min(settings.timeoutMs, MAX_DOWNLOAD_MS), signal);
    // Renewal has a schedule of its own for what fails.
    const plan = { deadline, origins, isRepeatable: false, maxRetries: 0, attemptTimeoutMs: 0 };
    try {
      const credential = await deadline.race(credentials.get());
      return await runCall(resilience, plan, async (attempt) => {
        const signed = await signRequest(credential, method, target, '', clock(), attempt);
        const headers = protocolHeaders(signed.authorization, undefined, wechatpaySerial);
        const { origin, number } = attempt;
        const wire = { origin, method, target, headers, body: undefined, attempt: number };
        const answer = await transport.send(wire, attempt, MAX_LIST_BYTES);
        // A clock that is wrong is refused here first, and nothing else may be called for hours.
        const { status, headers: answered } = answer;
        if (status >= 300 && typeof answered['date'] === 'string') noteClock(answered['date']);
        return answer;
      });
    } finally {
      deadline.dispose();
    }
  };

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

function checkRetries(retries: number | undefined): void {
  if (retries === undefined) return;
  if (Number.isInteger(retries) && retries >= 0 && retries <= MAX_RETRIES) return;
  throw new WechatPayRequestError(`retries must be a whole number from 0 to ${MAX_RETRIES}`);
}
