import type { CertificateProvider } from '../certificates/index.js';
import {
  attemptChannel,
  callChannel,
  isHeard,
  traced,
  type CallEvent,
} from '../diagnostics/index.js';
import {
  redactTarget,
  WechatPayApiError,
  WechatPayError,
  WechatPayTransportError,
} from '../errors/index.js';
import type { MerchantCredentialProvider } from '../merchant/index.js';
import {
  Deadline,
  runCall,
  type Admission,
  type Attempt,
  type ResilienceParts,
  type Transport,
} from '../transport/index.js';
import { acceptAnswer } from './answer.js';
import { extraHeaders, protocolHeaders } from './headers.js';
import type { WechatPayAnswer, WechatPayFallback, WechatPayRequest } from './http.interface.js';
import { classify } from './outcome.js';
import { prepareBody, type RequestBody } from './request-body.js';
import { signRequest } from './signing.js';
import { buildTarget } from './target.js';

/** How calls of one merchant behave when something goes wrong. */
export interface CallSettings {
  /** Total time of a call in milliseconds. */
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly maxRetries: number;
  readonly hedgeAfterMs: number | undefined;
  readonly hedgesWrites: boolean;
  readonly fallback: WechatPayFallback | undefined;
}

/** What the calls of one merchant are made of. */
export interface CallParts {
  /** Name of the merchant's registration. */
  readonly merchant: string;
  readonly mchid: string;
  readonly credentials: MerchantCredentialProvider;
  /** Given late: the certificate provider needs calls to download. */
  readonly certificates: () => CertificateProvider;
  readonly transport: Transport;
  readonly resilience: ResilienceParts;
  readonly admission: Admission;
  /** Primary origin, then the backup if there is one. */
  readonly origins: readonly string[];
  readonly settings: CallSettings;
  readonly clock: () => number;
  /** Told the time that the platform has shown: Unix seconds, or an HTTP date. */
  readonly noteClock: (time: string) => void;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const FALLBACK_MS = 1_000;

/**
 * One call, from its arguments to its result: deadline, admission, attempts, classification.
 *
 * @throws as `WechatPayHttpService.request`
 */
export class SignedCall<T> {
  readonly #parts: CallParts;
  readonly #request: WechatPayRequest;
  readonly #target: string;
  readonly #extra: string[] | undefined;
  readonly #deadline: Deadline;
  readonly #isRepeatable: boolean;
  readonly #maxRetries: number;
  #body: RequestBody | undefined;
  /** Whether the platform may have executed one of the attempts. */
  #mayHaveRun = false;
  #event: CallEvent | undefined;

  /** @throws {WechatPayRequestError} for arguments that cannot be sent */
  constructor(parts: CallParts, request: WechatPayRequest, timeoutMs: number) {
    const { method, path, query, headers, idempotentBy, operation } = request;
    this.#parts = parts;
    this.#request = request;
    this.#target = buildTarget(path, query);
    this.#extra = extraHeaders(headers);
    this.#isRepeatable =
      method === 'GET' || (idempotentBy !== undefined && operation?.repeat !== 'later');
    const { attemptTimeoutMs, maxRetries } = parts.settings;
    this.#maxRetries = request.retries ?? maxRetries;
    const mayRepeat = this.#isRepeatable && this.#maxRetries > 0;
    this.#deadline = new Deadline(
      timeoutMs,
      request.signal,
      mayRepeat ? attemptTimeoutMs : timeoutMs,
    );
  }

  run(): Promise<WechatPayAnswer<T>> {
    if (!isHeard(callChannel) && !isHeard(attemptChannel)) return this.#run();
    const { merchant, mchid } = this.#parts;
    const { method, operation } = this.#request;
    const event: CallEvent = {
      merchant,
      mchid,
      operation: operation?.id,
      method,
      route: operation?.route ?? redactTarget(this.#target.split('?', 1)[0] ?? ''),
      attempts: 0,
      status: undefined,
      requestId: undefined,
    };
    this.#event = event;
    return traced(callChannel, event, () => this.#run());
  }

  async #run(): Promise<WechatPayAnswer<T>> {
    const deadline = this.#deadline;
    const { admission } = this.#parts;
    try {
      const waiting = admission.enter(deadline);
      if (waiting) await waiting;
      try {
        return await this.#admitted();
      } finally {
        admission.leave();
      }
    } catch (error) {
      return await this.#failed(error);
    } finally {
      deadline.dispose();
    }
  }

  async #admitted(): Promise<WechatPayAnswer<T>> {
    const { resilience, origins, settings, clock, admission } = this.#parts;
    const certificates = this.#parts.certificates();
    const deadline = this.#deadline;
    // Nothing is sent whose answer could not be verified.
    if (!certificates.keyRing.canVerify(clock())) await deadline.race(certificates.ready());
    const prepared = prepareBody(this.#request, certificates, deadline);
    this.#body = prepared instanceof Promise ? await prepared : prepared;
    const answer = await runCall(
      resilience,
      {
        deadline,
        origins,
        isRepeatable: this.#isRepeatable,
        maxRetries: this.#maxRetries,
        attemptTimeoutMs: settings.attemptTimeoutMs,
        hedgeAfterMs: this.#mayHedge() ? settings.hedgeAfterMs : undefined,
      },
      (attempt) => this.#attempt(attempt),
    );
    admission.own.speedUp();
    return answer;
  }

  #mayHedge(): boolean {
    const { method } = this.#request;
    return method === 'GET' || (this.#isRepeatable && this.#parts.settings.hedgesWrites);
  }

  async #attempt(attempt: Attempt): Promise<WechatPayAnswer<T>> {
    try {
      return await (this.#event ? this.#traced(this.#event, attempt) : this.#send(attempt));
    } catch (error) {
      if (error instanceof WechatPayTransportError && error.wasSent) this.#mayHaveRun = true;
      if (error instanceof WechatPayApiError && error.status === 429) {
        this.#parts.admission.own.slowDown();
      }
      throw error;
    }
  }

  #traced(call: CallEvent, attempt: Attempt): Promise<WechatPayAnswer<T>> {
    const { origin, number, isHedge } = attempt;
    call.attempts = Math.max(call.attempts, number);
    const event = { call, origin, number, isHedge, status: undefined, requestId: undefined };
    const note = (of: { status?: number | undefined; requestId?: string | undefined }): void => {
      const { status, requestId } = of;
      Object.assign(event, { status, requestId });
      Object.assign(call, { status, requestId });
    };
    return traced(attemptChannel, event, async () => {
      try {
        const answer = await this.#send(attempt);
        note(answer);
        return answer;
      } catch (error) {
        note(error instanceof WechatPayError ? (error as WechatPayApiError) : {});
        throw error;
      }
    });
  }

  async #send(attempt: Attempt): Promise<WechatPayAnswer<T>> {
    const { credentials, transport, clock, noteClock } = this.#parts;
    const { method, decrypted } = this.#request;
    const { json, serial } = this.#body ?? { json: '', serial: undefined };
    const target = this.#target;
    const certificates = this.#parts.certificates();
    const credential = credentials.credential ?? (await attempt.race(credentials.get()));
    const signed = await signRequest(credential, method, target, json, clock(), attempt);
    if (attempt.reason) throw attempt.reason;
    const headers = protocolHeaders(signed.authorization, signed.body, serial);
    certificates.countSent(serial);
    if (this.#extra) headers.push(...this.#extra);
    const { origin, number } = attempt;
    const wire = { origin, method, target, headers, body: signed.body, attempt: number };
    const answer = await transport.send(wire, attempt, MAX_ANSWER_BYTES);
    const { status } = answer;
    if (status >= 500 || (status >= 200 && status < 300)) this.#mayHaveRun = true;
    return acceptAnswer<T>(answer, {
      method,
      target,
      decrypted,
      credential,
      certificates,
      clock,
      limit: attempt,
      noteClock,
    });
  }

  /** The error for the caller, or what the application has in place of an answer. */
  async #failed(cause: unknown): Promise<WechatPayAnswer<T>> {
    const { method, path, idempotentBy: businessNumber, operation } = this.#request;
    const error = classify(cause, {
      method,
      mayHaveRun: this.#mayHaveRun,
      businessNumber,
      query: operation?.query,
    });
    const { fallback } = this.#parts.settings;
    const mayDegrade =
      error instanceof WechatPayError && error.isRetryable && !error.isResultUnknown;
    if (!fallback || !mayDegrade) throw error;
    const patience = new Deadline(FALLBACK_MS);
    try {
      const call = { method, path, operation: operation?.id, businessNumber };
      const data = await patience.race(Promise.resolve(fallback(error, call)));
      if (data === undefined) throw error;
      return { status: 503, data: data as T, requestId: undefined, headers: {}, isFallback: true };
    } catch {
      throw error; // what the application has instead failed, too: the first cause counts
    } finally {
      patience.dispose();
    }
  }
}
